"""The waitlist: people who wait for tickets that are sold out, and the offers that hold stock for them.

`service` makes and ends offers, as purchases and refunds need it. `joining` lets people in, and `entries` shows where
they stand.
"""
