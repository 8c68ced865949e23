"""Tickets: issued when an order is paid, proven by their QR."""
