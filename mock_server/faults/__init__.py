"""Faults on purpose: the kinds of fault, the rules for them, rate limits and delays.

A kind of fault is one class, in ``response_faults`` or ``stream_faults``. Its name, its fields and
their descriptions are all there is to say about it: the fields of a rule, the schema of the control
API, the command's help and ``Prefer: fault=`` are derived from the class by ``registry``.
"""
