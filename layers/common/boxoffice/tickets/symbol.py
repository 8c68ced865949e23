"""The QR symbol of a text (ISO/IEC 18004), in the one size that we draw: version 3, error correction M, mask 2.

Such a symbol is full with 60 characters of the alphanumeric mode: no padding, and one block. Each of its modules is the
same in all of them or a bit of the message, so a picture is gathered from a message in one step. A library that draws
any QR takes ten times as long, and emails have one for each ticket.

One mask for all: a text of ours is as good as random, so its picture is about as even under every mask.
"""

from collections.abc import Callable
from functools import cache
from itertools import product
from operator import itemgetter

_SIDE = 29
_QUIET = 4  # light modules around it
_CHARACTERS = 60
_DATA, _CORRECTION = 44, 26  # bytes
_REMAINDER = 7  # modules that carry nothing
_BITS = 8 * (_DATA + _CORRECTION) + _REMAINDER
_ALPHANUMERIC = {char: value for value, char in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")}
_FORMAT = 0b101111001111100  # M and mask 2, with their own error correction


def draw(text: str) -> list[bytes]:
    """The rows of the picture with its quiet zone, a byte a module: ``1`` is dark and ``0`` is light.

    Raises:
        ValueError: the text has not 60 characters.
        KeyError: one of them is not of the alphanumeric mode.
    """
    if len(text) != _CHARACTERS:
        raise ValueError(f"not {_CHARACTERS} characters")
    data = _data(text)
    message = int.from_bytes(data + _correction(data)) << _REMAINDER
    gather, mask = _layout()
    modules = bytes(gather(f"{message ^ mask:0{_BITS}b}01".encode()))
    width = _SIDE + 2 * _QUIET
    return [modules[start : start + width] for start in range(0, len(modules), width)]


def _data(text: str) -> bytes:
    """The mode, the length, two characters in 11 bits each time, and the end; section 7.4."""
    bits = 0b0010 << 9 | _CHARACTERS
    for first, second in zip(text[::2], text[1::2], strict=True):
        bits = bits << 11 | 45 * _ALPHANUMERIC[first] + _ALPHANUMERIC[second]
    return (bits << 9).to_bytes(_DATA)


def _correction(data: bytes) -> bytes:
    """The Reed-Solomon code of the data, section 7.5: what remains when it is divided by the generator."""
    multiples = _multiples_of_the_generator()
    remainder, kept = 0, (1 << 8 * (_CORRECTION - 1)) - 1
    for byte in data:
        remainder = (remainder & kept) << 8 ^ multiples[remainder >> 8 * (_CORRECTION - 1) ^ byte]
    return remainder.to_bytes(_CORRECTION)


@cache
def _multiples_of_the_generator() -> list[int]:
    """The generator times each byte, without the leading coefficient. A polynomial is a number with a byte for each."""
    generator = 1
    for power in range(_CORRECTION):
        root_times = generator
        for _ in range(power):
            root_times = _doubled(root_times)
        generator = generator << 8 ^ root_times
    multiple = generator ^ 1 << 8 * _CORRECTION
    multiples = [0]
    for _ in range(8):
        multiples += [multiple ^ other for other in multiples]
        multiple = _doubled(multiple)
    return multiples


def _doubled(polynomial: int) -> int:
    """Each coefficient times two, in the field of 256 elements modulo x^8 + x^4 + x^3 + x^2 + 1."""
    carries = polynomial >> 7 & int.from_bytes(b"\1" * (_CORRECTION + 1))
    return (polynomial ^ carries << 7) << 1 ^ carries * 0b11101


@cache
def _layout() -> tuple[Callable[[bytes], tuple[int, ...]], int]:
    """Where the picture's modules are found in a message with ``01`` after it; and which of its bits are turned."""
    fixed = _fixed()
    light, dark = _BITS, _BITS + 1
    sources = {place: dark if is_dark else light for place, is_dark in fixed.items()}
    path = [place for place in _path() if place not in fixed]
    sources |= {place: number for number, place in enumerate(path)}
    mask = int("".join("1" if column % 3 == 0 else "0" for _, column in path), 2)
    seen = range(-_QUIET, _SIDE + _QUIET)
    return itemgetter(*(sources.get(place, light) for place in product(seen, seen))), mask


def _path() -> list[tuple[int, int]]:
    """The way of the bits, section 7.7.3: two columns up, then two down, from the right, past the timing column."""
    pairs = [right for right in range(_SIDE - 1, 0, -2) if right > 6] + [5, 3, 1]
    up, down = range(_SIDE - 1, -1, -1), range(_SIDE)
    return [
        (row, column)
        for number, right in enumerate(pairs)
        for row in (up if number % 2 == 0 else down)
        for column in (right, right - 1)
    ]


def _fixed() -> dict[tuple[int, int], bool]:
    """The modules that are the same in every symbol, by row and column, and whether they are dark; section 6.3."""
    end = _SIDE - 1
    fixed = {(6, place): place % 2 == 0 for place in range(8, _SIDE - 8)}  # timing
    fixed |= {(row, column): dark for (column, row), dark in fixed.items()}
    for row, column in product(range(-1, 8), repeat=2):  # finders, with a light frame where they have room for it
        dark = max(abs(row - 3), abs(column - 3)) not in {2, 4}
        for place in ((row, column), (end - row, column), (row, end - column)):
            if min(place) >= 0 and max(place) <= end:
                fixed[place] = dark
    for row, column in product(range(-2, 3), repeat=2):  # alignment
        fixed[end - 6 + row, end - 6 + column] = max(abs(row), abs(column)) != 1
    first = [(row, 8) for row in (0, 1, 2, 3, 4, 5, 7, 8)] + [(8, column) for column in (7, 5, 4, 3, 2, 1, 0)]
    second = [(8, end - number) for number in range(8)] + [(end - 6 + number, 8) for number in range(7)]
    for places in (first, second):
        fixed |= {place: bool(_FORMAT >> bit & 1) for bit, place in enumerate(places)}
    fixed[_SIDE - 8, 8] = True
    return fixed
