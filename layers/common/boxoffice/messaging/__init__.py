"""Messaging: sends the emails of the outbox, by a queue and Amazon SES.

Files of its own: `mime.py` puts an email together, `ses.py` sends it.
"""
