"""Events: drafted, published, listed, cancelled."""
