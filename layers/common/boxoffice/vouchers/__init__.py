"""Vouchers: codes that take something off an order, or unlock hidden ticket types."""
