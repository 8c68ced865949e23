"""Outgoing webhooks: tells an organisation's own endpoints what has changed, signed as Standard Webhooks says.

Files of its own: `owed.py` writes the webhooks that a change owes. `turns.py` is what the worker does: it takes the
turn of an endpoint and sends what is due. `client.py` sends the requests, to public addresses alone. `signatures.py`
makes and stores the secrets. `catalogue.py` describes each type of webhook, for the OpenAPI document.
"""
