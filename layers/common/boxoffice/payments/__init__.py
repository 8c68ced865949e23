"""Payments: started at a provider, decided by its events, and returned if they can no longer pay their order.

Each provider is a module here, as `providers` says. Beside them: `merchants`, accounts at providers and their secrets;
`webhooks`, what endpoints of providers share; `calls`, several calls at once; `reading`, values that providers send;
`reconciliation`, asking providers; `sending`, refunds on their way.
"""
