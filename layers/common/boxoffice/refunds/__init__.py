"""Refunds: tickets and money that go back, of one order or of a whole event that is called off."""
