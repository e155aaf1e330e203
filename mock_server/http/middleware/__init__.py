"""The layers of a request, one module per layer.

In this order: proxy, CORS, recording, control access, routing, validation, faults, operations. A
request for none of the operations passes on to Flask, which renders the pages.
"""
