"""Ticket types: the kinds of tickets of an event, each with its price, its quantity and its sale terms."""
