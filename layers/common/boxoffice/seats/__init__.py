"""Numbered seats: the seat map of a ticket type, and who owns which seat."""
