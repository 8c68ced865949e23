"""Vouchers: codes that give a discount, unlock hidden ticket types, or both."""
