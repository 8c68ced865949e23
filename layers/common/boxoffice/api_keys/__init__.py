"""API keys: with one, a program acts for its organisation, as far as the scopes of the key go."""
