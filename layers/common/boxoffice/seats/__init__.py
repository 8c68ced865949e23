"""Assigned seats: the map of a ticket type, and who has which seat."""
