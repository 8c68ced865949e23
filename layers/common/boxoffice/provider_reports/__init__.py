"""Balance reports of providers: their entries are read, explained by what we have booked, and their fees are posted.

Only the platform's own accounts count. What an organisation has at an account of its own is its own matter.
"""
