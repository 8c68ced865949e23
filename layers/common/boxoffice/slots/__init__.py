"""Slots: places with capacity, such as cloakrooms and car parks, and the claims on their slots.

The API calls a place a service: its URLs, its function names and its fields do.
"""
