"""The waitlist: people who wait for tickets that are sold out, and the offers that hold stock for them."""
