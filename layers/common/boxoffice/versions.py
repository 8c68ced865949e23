"""Optimistic concurrency: an edit names the version that it is based on, by the `If-Match` header."""

from boxoffice.errors import StaleVersion


def check_version(version: int, expected: int | None) -> None:
    """Let an edit pass if it is based on the current version, or names none.

    Raises:
        StaleVersion: somebody else has changed the resource since.
    """
    if expected is not None and version != expected:
        raise StaleVersion(version=version)
