"""The headers of the answer to the current request. A process answers one request at a time."""

_headers: dict[str, str] = {}


def set_header(name: str, value: str) -> None:
    """Add a header to the answer to the current request. Without a request this has no effect."""
    _headers[name] = value


def redirect_to(address: str) -> None:
    """Let the answer to the current request, which has the status 302, send the browser to another address."""
    set_header("Location", address)
    set_header("Cache-Control", "no-store")


def take_headers() -> dict[str, str]:
    """Return the headers that were set since the last call, and forget them."""
    taken = dict(_headers)
    _headers.clear()
    return taken
