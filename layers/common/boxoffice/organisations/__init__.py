"""Organisations: businesses that sell tickets, and their members."""
