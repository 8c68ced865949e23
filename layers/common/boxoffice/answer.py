"""The headers that the answer in hand will have. A process answers one request at a time."""

_headers: dict[str, str] = {}


def set_header(name: str, value: str) -> None:
    """Give the answer to the request in hand a header. Without a request it has no effect."""
    _headers[name] = value


def take_headers() -> dict[str, str]:
    """Return the headers that were set since the last call, and forget them."""
    taken = dict(_headers)
    _headers.clear()
    return taken
