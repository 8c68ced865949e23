"""Privacy: shows people what is held about them, erases it when they ask, and purges what is old.

Files of its own: `export.py` reads what is held about a person, `erasure.py` erases it bit by bit, and `retention.py`
finds what is older than the settings allow.
"""
