"""Payouts: where organisations get their money, what they ask for, and what admins decide and send.

Files of its own: `methods.py` adds and removes payout methods, and encrypts the numbers of their accounts. `files.py`
puts payouts into a file for the platform's bank, and `bank_files.py` writes it.
"""
