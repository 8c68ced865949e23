"""Administration: the work of the platform's admins, such as checking the invariants.

Files of its own: `audit_log.py`, which owners read too, and `settings.py` for the settings of the platform.
"""
