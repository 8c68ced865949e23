"""Accounts: people, their passwords, their phones and their sessions.

Files of its own: `verification.py`, `email_changes.py` and `password_resets.py` for what links by email do, `proof.py`
for the proof that a caller still is the owner. `phone_codes.py` and `proven_phones.py` are for log-in by phone,
`sms.py` for its text messages.
"""
