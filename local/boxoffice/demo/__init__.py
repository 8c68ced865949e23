"""A sale from sign-up to the door: `python -m local.boxoffice.demo`. What happens is told in `story.py`."""
