"""Objects in buckets of the local stack: kept in the state folder, since moto has them in memory."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import quote, unquote

from moto.s3.models import S3Backend

from local.stack.state import State


def keep_objects(state: State) -> None:
    """Write each object that changes to the state folder, so that it survives a restart."""
    setattr(S3Backend, "put_object", _kept(S3Backend.put_object, state))  # noqa: B010 - moto's own, with more to do
    setattr(S3Backend, "delete_object", _forgotten(S3Backend.delete_object, state))  # noqa: B010


def restore_objects(state: State, s3: Any, bucket: str) -> None:
    """Put the objects of a bucket back that the state folder has."""
    for path in sorted(state.objects(bucket).iterdir()):
        key = unquote(path.name)
        kind = mimetypes.guess_type(key)[0] or "application/octet-stream"
        s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes(), ContentType=kind)


def _kept(put: Callable[..., Any], state: State) -> Callable[..., Any]:
    @wraps(put)
    def wrapper(backend: S3Backend, bucket_name: str, key_name: str, value: bytes, *args: Any, **options: Any) -> Any:
        answer = put(backend, bucket_name, key_name, value, *args, **options)
        (state.objects(bucket_name) / quote(key_name, safe="")).write_bytes(answer.value)
        return answer

    return wrapper


def _forgotten(delete: Callable[..., Any], state: State) -> Callable[..., Any]:
    @wraps(delete)
    def wrapper(backend: S3Backend, bucket_name: str, key_name: str, *args: Any, **options: Any) -> Any:
        answer = delete(backend, bucket_name, key_name, *args, **options)
        (state.objects(bucket_name) / quote(key_name, safe="")).unlink(missing_ok=True)
        return answer

    return wrapper
