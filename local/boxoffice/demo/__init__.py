"""A sale from sign-up to the door: `python -m local.boxoffice.demo`. See `story.py` for what happens."""
