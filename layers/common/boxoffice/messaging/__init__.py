"""Messaging: sends the emails and the text messages of the outbox, by queues, Amazon SES and Amazon SNS.

Files of its own: `delivery.py` is what the workers do. `mime.py` puts an email together, `ses.py` sends it. `sms.py`
writes a text message, `sns.py` sends it.
"""
