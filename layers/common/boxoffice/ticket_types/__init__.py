"""Ticket types: the tiers of an event, each with its price, its quantity and its own terms of sale."""
