"""Accounts: people, their passwords, their phones and their sessions.

Files of its own: `phone_codes.py` and `proven_phones.py` for log-in by phone, `sms.py` for its text messages.
"""
