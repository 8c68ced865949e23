"""Events: how they are drafted, copied, published, listed and cancelled.

`moves` tells holders of another time or place. `copies` drafts an event again at other times.
"""
