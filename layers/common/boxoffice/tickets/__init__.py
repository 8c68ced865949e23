"""Tickets: issued when an order is paid, proven by their QR, and passed on by transfers.

Besides the usual files: `qr` makes and reads QRs, `transfers` has the use cases of transfers, `pdf` prints tickets.
"""
