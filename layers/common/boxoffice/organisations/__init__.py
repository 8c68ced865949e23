"""Organisations: sellers, and the people who act for them."""
