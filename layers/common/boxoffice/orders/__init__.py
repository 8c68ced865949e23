"""Orders: held, paid, cancelled or expired."""
