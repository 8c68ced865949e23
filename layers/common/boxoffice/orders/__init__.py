"""Orders: held, paid, cancelled or expired.

Files of its own: `guests` says what guests may hold, and `confirmation` confirms their free orders. `changes` has what
may change of an order later, and `links` redeems the links of both. `details` has the answers of an order and the
holders that it names. `erasure` erases who placed orders. Emails need `receipts`, and `moved_events`, which tells of
moved events. `offers` says what the waitlist's offers cost.
"""
