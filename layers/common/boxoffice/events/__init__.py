"""Events: how they are drafted, published, listed and cancelled."""
