"""Boxoffice: the code that all its functions share."""
