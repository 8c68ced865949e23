"""Refunds: tickets and money that go back to buyers, of one order or of a whole cancelled event.

Files of its own: `ending` ends orders whose money went back without us, and `webhooks` is what the endpoints for
providers' webhooks share.
"""
