"""Payments: a client starts one, the provider's events decide it, and money that pays no order is returned.

Each provider is a module here; `providers` says what it must declare and do. The other modules:

- `merchants` finds whose account at a provider takes the money, and the secrets of accounts.
- `webhooks` is what the endpoints for providers' webhooks share.
- `calls` calls providers concurrently.
- `reading` reads values that providers send.
- `reconciliation` asks providers about payments that stay open.
- `sending` owes refunds and sends them.
"""
