"""Optimistic concurrency: an edit names the version it was made of, as `If-Match` does."""

from boxoffice.errors import StaleVersion


def check_version(version: int, expected: int | None) -> None:
    """Let an edit pass if it was made of the version that is stored, or of any.

    Raises:
        StaleVersion: somebody else was faster.
    """
    if expected is not None and version != expected:
        raise StaleVersion(version=version)
