"""Stock: quantities to sell from. Each lies in several rows, so that buyers who come at once do not queue."""
