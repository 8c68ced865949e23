"""What the local pages tell browsers: they run and load their own parts alone, and nobody frames or keeps them."""

from __future__ import annotations

import secrets

from flask import Blueprint, Response, g

# The pages show the QRs that they fetch as blobs, and emails have their pictures in them as data.
_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; img-src blob: data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)


def guarded(pages: Blueprint) -> Blueprint:
    """Let the pages of a blueprint say so. Their templates mark their scripts with `g.nonce`."""

    @pages.before_request
    def make_nonce() -> None:
        g.nonce = secrets.token_urlsafe(16)

    @pages.after_request
    def add_headers(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        if response.mimetype == "text/html":
            response.headers["Content-Security-Policy"] = _POLICY.format(nonce=g.nonce)
        return response

    return pages
