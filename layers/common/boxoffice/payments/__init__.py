"""Payments: a client starts one, the provider's events decide it, and money that pays no order is returned.

Each provider is a module here; `providers` says what it must declare and do. The other modules:

- `merchants` finds whose account at a provider takes the money, and the secrets of accounts.
- `calls` calls providers concurrently.
- `reading` reads values that providers send.
- `reconciliation` asks providers about payments that stay open.
- `sending` owes refunds and sends them.
- `reversals` books money that went back without us.
- `books` posts what becomes of money to the ledger, and `book_rules` decides what that is.
- `matters` opens what a person must look at, and `settling` shows and settles it.
- `pace` keeps the pace of providers.
- `erasure` erases what providers have told and prepared for payments.
"""
