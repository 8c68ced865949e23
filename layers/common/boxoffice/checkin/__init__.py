"""Check-in: admitting people at the door."""
