"""The layers of a request, one module per layer; `order` holds them.

A request for none of the operations passes on to Flask, which renders the pages.
"""
