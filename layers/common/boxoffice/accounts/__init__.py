"""Accounts: people, their passwords, their phones, their sessions and the ways to log in.

Files of its own: `verification.py`, `email_changes.py` and `password_resets.py` are for what links by email do.
Sessions are in `sessions.py` with `devices.py`, `second_factor.py`, and `proof.py`. Log-in with Google is in
`google.py` over `oidc.py`. Log-in by phone is in `phone_codes.py`, `proven_phones.py`, and `sms.py`.
"""
