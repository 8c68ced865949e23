"""Accounts: people, their passwords, their phones, their sessions and the ways to log in.

Files of its own: `verification.py`, `email_changes.py` and `password_resets.py` are for what links by email do.
Sessions are in `sessions.py` with `devices.py` and `second_factor.py`. Passwords are in `passwords.py`, and the proof
that an account is the caller's in `proof.py`. Log-in with Google is in `google.py` over `oidc.py`. Log-in by phone is
in `phone_codes.py`, `proven_phones.py` and `sms.py`. What admins do with accounts is in `administration.py`, and a
deploy makes the first admin in `first_admin.py`.
"""
