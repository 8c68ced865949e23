"""A sale from sign-up to the door: `python -m local.boxoffice.demo`. `story.py` has its chapters."""
