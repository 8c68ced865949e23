"""Accounts: people, how they prove who they are, and the sessions they keep."""
