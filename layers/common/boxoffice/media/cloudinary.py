"""Cloudinary, where pictures can lie instead of in our own bucket. It checks what comes and makes sizes by itself.

https://cloudinary.com/documentation/image_upload_api_reference and https://cloudinary.com/documentation/admin_api
"""

import hashlib
from base64 import b64encode
from datetime import datetime
from typing import Any
from uuid import UUID

from boxoffice import small_calls
from boxoffice.config import secret, settings
from boxoffice.media import rules
from boxoffice.media.models import Picture
from boxoffice.storage import Form

_URL = "https://api.cloudinary.com"
_FORMATS = "jpg,png,webp"
_MOST_SIDE = 4000  # of what is kept, which has no metadata: it is made anew, and the file that came is dropped
_SECONDS = 10
_LARGEST_ANSWER = 100_000


def form(upload_id: UUID, now: datetime) -> Form:
    """Return a form by which anybody can upload one picture, once. A form cannot limit its size."""
    account = secret(settings().cloudinary_secret)
    signed = {
        "allowed_formats": _FORMATS,
        "overwrite": "false",
        "public_id": _public_id(upload_id),
        "timestamp": str(int(now.timestamp())),
        "transformation": f"c_limit,h_{_MOST_SIDE},w_{_MOST_SIDE}",
    }
    fields = {**signed, "api_key": account["api_key"], "signature": sign(signed, account["api_secret"])}
    return Form(f"{_api(account)}/image/upload", fields)


def sign(fields: dict[str, str], api_secret: str) -> str:
    """Return the signature of a form. Cloudinary takes it for an hour after the ``timestamp``.

    https://cloudinary.com/documentation/authentication_signatures
    """
    text = "&".join(f"{name}={value}" for name, value in sorted(fields.items()))
    return hashlib.sha256((text + api_secret).encode()).hexdigest()


def find(upload_id: UUID) -> Picture | None:
    """Return the picture of an upload, or None if nothing has come.

    Raises:
        NoAnswer: Cloudinary does not answer, or not with a picture.
    """
    account = secret(settings().cloudinary_secret)
    status, found = _call("GET", f"{_api(account)}/resources/image/upload/{_public_id(upload_id)}", account)
    if status == 404:
        return None
    try:
        sizes = [list(size) for size in rules.sizes_of(int(found["width"]), int(found["height"]))]
        path = f"v{int(found['version'])}/{_public_id(upload_id)}"
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise small_calls.NoAnswer("not a picture") from error
    return Picture(path, sizes, cloud=account["cloud_name"])


def delete(upload_id: UUID) -> None:
    """Delete the picture of an upload, in caches too. It does no harm if there is none.

    Raises:
        NoAnswer: Cloudinary does not answer.
    """
    account = secret(settings().cloudinary_secret)
    fields = {"public_id": _public_id(upload_id), "invalidate": "true"}
    _call("POST", f"{_api(account)}/image/destroy", account, fields)


def _call(
    method: str, url: str, account: dict[str, str], fields: dict[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    login = b64encode(f"{account['api_key']}:{account['api_secret']}".encode()).decode()
    headers = {"Authorization": f"Basic {login}"}
    options: Any = {"timeout": _SECONDS, "largest": _LARGEST_ANSWER, "fields": fields, "headers": headers}
    return small_calls.call(method, url, statuses=(200, 404), **options)


def _api(account: dict[str, str]) -> str:
    """Return the address of the account's API; another one for a stand-in of Cloudinary."""
    return f"{account.get('url') or _URL}/v1_1/{account['cloud_name']}"


def _public_id(upload_id: UUID) -> str:
    return f"boxoffice-{upload_id}"
