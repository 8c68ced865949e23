"""Organisations: businesses that sell tickets. Their members, and who invites them, are in `members`."""
