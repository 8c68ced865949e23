"""The QR symbol itself; that readers read it is told in `test_qr.py`."""

import random

import pytest
import qrcode

from boxoffice.tickets import symbol

ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def drawn_by_a_library(text: str) -> list[bytes]:
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, border=4, mask_pattern=2)
    code.add_data(qrcode.util.QRData(text, mode=qrcode.util.MODE_ALPHA_NUM))
    return [bytes(b"01"[dark] for dark in row) for row in code.get_matrix()]


def test_it_is_to_the_module_what_a_library_draws() -> None:
    chance = random.Random(60)
    texts = ["".join(chance.choices(ALPHANUMERIC, k=60)) for _ in range(50)]

    for text in (*texts, "0" * 60, ":" * 60):
        assert symbol.draw(text) == drawn_by_a_library(text)


@pytest.mark.parametrize("text", ["", "A" * 59, "A" * 61, "a" * 60, "É" * 60])
def test_a_text_of_another_size_or_alphabet_is_not_drawn(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        symbol.draw(text)
