"""The layers of a request, one module per layer; `mock_server/app.py` holds their order.

A request for none of the operations passes on to Flask, which renders the pages.
"""
