"""The waitlist: people who wait for what is sold out, and the offers that hold stock for them."""
