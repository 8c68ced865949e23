"""Refunds: tickets and money that go back to buyers, of one order or of a whole cancelled event."""
