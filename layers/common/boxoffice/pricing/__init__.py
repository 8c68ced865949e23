"""Pricing: what the items of an order cost, and what of that each ticket bears. Orders store it."""
