"""The email addresses that the API takes: those that SES delivers to, by its manual.

It takes ASCII alone, and wants the domain in Punycode. The spellings of the domains are those of RFC 3492, RFC 5891 and
the IDN test domains of IANA.
"""

import pytest
from pydantic import TypeAdapter, ValidationError

from boxoffice.models import Email

EMAIL: TypeAdapter[str] = TypeAdapter(Email)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("ada@example.com", "ada@example.com"),
        ("Ada.Obi+Tickets@Example.COM", "ada.obi+tickets@example.com"),
        (" ada@example.com\r\n", "ada@example.com"),
        ("o'brien!#$%&*/=?^_`{|}~-@example.com", "o'brien!#$%&*/=?^_`{|}~-@example.com"),  # RFC 5322, 3.2.3
        ("a" * 64 + "@example.com", "a" * 64 + "@example.com"),  # RFC 5321, 4.5.3.1.1
        ("ada@" + "b" * 63 + ".com", "ada@" + "b" * 63 + ".com"),  # RFC 1035, 2.3.4
        ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
        ("ada@XN--BCHER-KVA.example", "ada@xn--bcher-kva.example"),
        ("ada@bu\u0308cher.example", "ada@xn--bcher-kva.example"),  # not in NFC
        ("ada@faß.de", "ada@xn--fa-hia.de"),  # IDNA 2003 made it fass.de, which is somebody else's
        ("ada@例え.テスト", "ada@xn--r8jz45g.xn--zckzah"),
        ("ada@例え。テスト", "ada@xn--r8jz45g.xn--zckzah"),  # as a Japanese keyboard writes the dot
        ("ada@президент.рф", "ada@xn--d1abbgf6aiiy.xn--p1ai"),
        ("ada@ｅｘａｍｐｌｅ.com", "ada@example.com"),
    ],
)
def test_an_address_has_one_spelling(written: str, stored: str) -> None:
    assert EMAIL.validate_python(written) == stored


UNDELIVERABLE = [
    "jörg@example.com",
    "jo\u0308rg@example.com",
    "用户@example.com",
    "ＡＤＡ@example.com",
    "\u212aarl@example.com",  # the sign of kelvin, whose small letter is k
    "ada\u200d@example.com",
    "ada@ex\u200dample.com",
    "\u202aada@example.com\u202c",
    "a" * 65 + "@example.com",
    "ada@" + "b" * 64 + ".com",
    "ada@" + ".".join(["b" * 60] * 5) + ".com",
    '"ada obi"@example.com',
    '"ada"@example.com',
    "ada@[192.0.2.1]",
    "ada@[IPv6:2001:db8::1]",
    "ada@192.0.2.1",
    "ada@example.com.",
    "ada.@example.com",
    ".ada@example.com",
    "ada..obi@example.com",
    "ada@example..com",
    "ada@.example.com",
    "ada@-example.com",
    "ada@example-.com",
    "ada@exam_ple.com",
    "ada@ab--c.com",
    "ada@xn--a.com",
    "ada@☃.com",  # IDNA 2008 knows letters and digits alone
    "ada@localhost",
    "ada@com",
    "ada@mail.local",
    "ada@example.test",
    "ada@example.invalid",
    "ada＠example.com",
    "ada(comment)@example.com",
    "ada @example.com",
    "ada@@example.com",
]
NO_ADDRESSES = [
    "ada@example.com\r\nBcc: all@example.com",
    "ada@example.com\0",
    "Ada <ada@example.com>",
    "<ada@example.com>",
    "mailto:ada@example.com",
    "ada@example.com, eve@example.com",
    "ada@example.com\ud800",
    "ada@",
    "@example.com",
    "",
    7,
    None,
]


@pytest.mark.parametrize("written", [*UNDELIVERABLE, *NO_ADDRESSES])
def test_what_cannot_be_delivered_to_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        EMAIL.validate_python(written)
