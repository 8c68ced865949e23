"""Orders: held, paid, cancelled or expired.

`guests` says what guests may hold, `confirmation` confirms their free orders, and `erasure` erases who placed orders.
"""
