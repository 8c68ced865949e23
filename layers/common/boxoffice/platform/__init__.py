"""The platform: health, documentation, deploys, and secrets that change.

Besides the usual files: `vault` reads and writes the versions of a secret, and `rotation` is Secrets Manager's. In
`withdrawals` is what happens when a key has leaked.
"""
