"""Slots: services with capacity, such as cloakrooms and car parks, and the claims on their slots."""
