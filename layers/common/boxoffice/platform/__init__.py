"""The platform: health, documentation, deploys."""
