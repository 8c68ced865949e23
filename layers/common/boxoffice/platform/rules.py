"""How key rings change when they are rotated, and when keys are withdrawn.

A ring has one key more than it needs: the next one. It is in the ring for a whole rotation before it signs, so every
environment has read it by then. DNS operators call this pre-publication (RFC 6781, section 4.1.1.1).
"""

from datetime import datetime, timedelta

from boxoffice.platform.errors import RingFull

type Ring = dict[str, str]

_MOST_KEYS = 255  # the id of a key is one byte of a QR
_MARGIN = timedelta(hours=1)  # after a rotation, environments sign with the former key for five minutes more


def rotate_ring(ring: Ring, new_key: str, *, drop_old: bool) -> Ring:
    """Return a ring after a rotation: its next key signs, and the new key is the next one.

    In a ring without a next key, the same key goes on signing until the next rotation.

    Args:
        drop_old: leave out the keys before the one that has signed until now.

    Raises:
        RingFull: all ids of keys have been used.
    """
    signed = int(ring["current"])
    kept = {str(each): ring[str(each)] for each in ids_of(ring) if each >= signed or not drop_old}
    return _sign_with({**kept, "current": ring["current"]}, max(ids_of(ring)), new_key)


def is_rotation_of(pending: Ring, ring: Ring) -> bool:
    """Return True if a ring is another one after a rotation, or that one itself."""
    new_key = pending.get(str(max(ids_of(pending), default=0)), "")
    rotated = (rotate_ring(ring, new_key, drop_old=drop_old) for drop_old in (False, True))
    return pending == ring or pending in rotated


def may_drop_old(rotated_at: datetime | None, lifetime: timedelta | None, now: datetime) -> bool:
    """Return True if nothing is valid any more that was signed before the last rotation.

    Args:
        rotated_at: when the last rotation ended; None if there was none.
        lifetime: how long what the ring signs is valid; None for ever.
    """
    return rotated_at is not None and lifetime is not None and now - rotated_at > lifetime + _MARGIN


def add_key(ring: Ring, up_to: int, new_key: str) -> Ring:
    """Return a ring with a key beyond an id. It may have one already.

    Raises:
        RingFull: all ids of keys have been used.
    """
    return ring if max(ids_of(ring)) > up_to else _append(ring, new_key)


def sign_beyond(ring: Ring, up_to: int, new_key: str) -> Ring:
    """Return a ring that signs with a key beyond an id, which `add_key` has added before.

    Raises:
        RingFull: all ids of keys have been used.
    """
    if int(ring["current"]) > up_to:
        return ring
    return _sign_with(ring, min(each for each in ids_of(ring) if each > up_to), new_key)


def withdraw_keys(ring: Ring, up_to: int) -> Ring:
    """Return a ring without the keys up to an id."""
    return {name: value for name, value in ring.items() if not name.isdecimal() or int(name) > up_to}


def ids_of(ring: Ring) -> list[int]:
    """Return the ids of the keys in a ring, in order."""
    return sorted(int(name) for name in ring if name.isdecimal())


def _sign_with(ring: Ring, key_id: int, new_key: str) -> Ring:
    """Return a ring that signs with one of its keys, and has a next key."""
    changed = {**ring, "current": str(key_id)}
    return changed if max(ids_of(ring)) > key_id else _append(changed, new_key)


def _append(ring: Ring, new_key: str) -> Ring:
    key_id = max(ids_of(ring)) + 1
    if key_id > _MOST_KEYS:
        raise RingFull
    return {**ring, str(key_id): new_key}
