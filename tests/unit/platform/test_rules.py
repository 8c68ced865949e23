"""How key rings change, worked out by hand."""

import pytest

from boxoffice.platform.errors import RingFull
from boxoffice.platform.rules import add_key, is_rotation_of, rotate_ring, sign_beyond, withdraw_keys

FRESH = {"current": "1", "1": "a"}
READY = {"current": "1", "1": "a", "2": "b"}
LATER = {"current": "2", "1": "a", "2": "b", "3": "c"}


@pytest.mark.parametrize(
    ("ring", "drop_old", "rotated"),
    [
        (FRESH, False, {"current": "1", "1": "a", "2": "new"}),
        (READY, False, {"current": "2", "1": "a", "2": "b", "3": "new"}),
        (LATER, False, {"current": "3", "1": "a", "2": "b", "3": "c", "4": "new"}),
        (LATER, True, {"current": "3", "2": "b", "3": "c", "4": "new"}),
        ({"current": "7", "7": "g", "9": "i"}, True, {"current": "9", "7": "g", "9": "i", "10": "new"}),
    ],
)
def test_a_rotation_lets_the_next_key_sign(ring: dict[str, str], drop_old: bool, rotated: dict[str, str]) -> None:
    assert rotate_ring(ring, "new", drop_old=drop_old) == rotated
    assert is_rotation_of(rotated, ring)


@pytest.mark.parametrize(
    "pending",
    [
        {},
        {"current": "1"},
        {"current": "2", "1": "a", "2": "b"},
        {"current": "2", "1": "a", "2": "other", "3": "new"},
        {"current": "2", "2": "b", "3": "new", "4": "more"},
        {"current": "3", "1": "a", "2": "b", "3": "new"},
        {"current": "1", "1": "a", "2": "b", "3": "new"},
        LATER | {"1": "x"},
    ],
)
def test_another_change_is_no_rotation(pending: dict[str, str]) -> None:
    assert not is_rotation_of(pending, READY)


def test_a_ring_is_a_rotation_of_itself() -> None:
    assert is_rotation_of(READY, READY)


def test_a_withdrawal_adds_a_key_then_signs_with_it_then_leaves_the_others_out() -> None:
    added = add_key(READY, 2, "c")
    assert added == {"current": "1", "1": "a", "2": "b", "3": "c"}
    signing = sign_beyond(added, 2, "d")
    assert signing == {"current": "3", "1": "a", "2": "b", "3": "c", "4": "d"}
    assert withdraw_keys(signing, 2) == {"current": "3", "3": "c", "4": "d"}


def test_each_of_these_steps_may_be_repeated() -> None:
    added = add_key(READY, 2, "c")
    signing = sign_beyond(added, 2, "d")
    left = withdraw_keys(signing, 2)

    assert add_key(added, 2, "x") == added
    assert sign_beyond(signing, 2, "x") == signing
    assert add_key(left, 2, "x") == left
    assert sign_beyond(left, 2, "x") == left
    assert withdraw_keys(left, 2) == left


def test_the_id_of_a_key_fits_the_byte_that_a_qr_has_for_it() -> None:
    ring = {"current": "254", "254": "y", "255": "z"}
    with pytest.raises(RingFull):
        rotate_ring(ring, "new", drop_old=False)
    with pytest.raises(RingFull):
        add_key(ring, 255, "new")
