"""Messaging: what the outbox owes is written as an email and handed to SES, once."""
