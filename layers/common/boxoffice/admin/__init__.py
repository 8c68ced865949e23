"""Administration: what the platform checks about itself."""
