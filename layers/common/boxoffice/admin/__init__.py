"""Administration: the work of the platform's admins, such as checking the invariants."""
