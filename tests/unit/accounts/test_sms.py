"""The text message with a code: one part of the GSM alphabet, and what phones fill in by themselves."""

from dataclasses import replace
from uuid import UUID

import pytest

from boxoffice import config, db, languages
from boxoffice.accounts import phone_codes, sms

# GSM 03.38, the basic alphabet. Only texts of it have 160 characters; others have 70.
GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)


def text_of(monkeypatch: pytest.MonkeyPatch, **settings: str) -> str:
    """Return the text for the code 012345, under settings."""
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("EMAIL_QUEUE_URL", "")
    config.settings.cache_clear()
    changed = replace(config.settings(), **settings)
    monkeypatch.setattr(sms, "settings", lambda: changed)
    monkeypatch.setattr(phone_codes, "get_live_code", lambda *_: "012345")
    text = sms.phone_code(db.Connection.__new__(db.Connection), str(UUID(int=0)))
    config.settings.cache_clear()
    return text


def test_it_says_the_code_first_and_whose_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    text = text_of(monkeypatch, email_sender="Harbour Concerts <tickets@example.org>", public_url="")
    assert text == "012345 is your code for Harbour Concerts. It works for 5 minutes. Tell it to nobody."


def test_phones_offer_it_on_the_pages_of_the_shop_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    text = text_of(monkeypatch, public_url="https://shop.example.org:8443/tickets")
    assert text.splitlines()[-2:] == ["", "@shop.example.org #012345"]
    assert "@" not in text_of(monkeypatch, public_url="http://127.0.0.1:3000")


@pytest.mark.parametrize("language", sorted(languages.tags()))
@pytest.mark.parametrize("host", ["shop.example.org", f"{'a' * 60}.{'b' * 60}.example"])
def test_it_is_paid_for_as_one_message(monkeypatch: pytest.MonkeyPatch, host: str, language: str) -> None:
    with languages.written_in(language):
        text = text_of(monkeypatch, email_sender=f"{'Boxoffice ' * 20}<a@example.org>", public_url=f"https://{host}")
    assert set(text) <= GSM
    assert len(text) <= 160
