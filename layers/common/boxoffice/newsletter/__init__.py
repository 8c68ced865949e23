"""Newsletters: who has subscribed to that of an organisation or of the platform, and the issues that are sent to them.

Files of its own: `lists.py` says whose newsletter it is and who may send it. `subscriptions.py` is what readers do, and
`issues.py` what senders do. `sending.py` is the job.
"""
