"""Stock: quantities to sell from, in several rows each, so that buyers who come at once do not queue."""
