"""Organisations: businesses that sell tickets. Their members, and who invites them, are in `members`.

A file of its own: `confirmation.py` for the links that confirm an address. That of a sign-up may make an organisation.
"""
