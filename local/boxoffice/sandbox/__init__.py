"""The sandbox provider's own side: what it knows of payments, its page, and its webhooks.

- `memory` keeps payments, refunds and webhooks in a file, so that they survive a restart.
- `courier` sends webhooks, and sends them again until the API has taken them.
- `faults` lets a test order refusals, delays and other trouble.
- `server` answers the API, and buyers on the page.
"""
