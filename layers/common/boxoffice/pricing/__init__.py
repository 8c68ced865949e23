"""Pricing: the charge of each item of an order, and the share of it that each ticket bears. Orders store charges."""
