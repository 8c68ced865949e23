"""Emails as mail programs read them. Python's parser plays the mail program."""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.emails import Attachment, Content, Image, one_line
from boxoffice.messaging.mime import email_of

MESSAGE = UUID("01981f6c-7b00-7a11-8c3e-5d2f40a1b007")
NOW = datetime(2026, 6, 27, 18, 30, tzinfo=UTC)
SENDER = "Boxoffice <tickets@example.com>"


def raw_of(recipient="ada@example.com", from_address=SENDER, **content):
    email_content = Content(**{"subject": "Hello", "text": "Text\n", "html": "<p>HTML</p>\n", **content})
    return email_of(MESSAGE, recipient, email_content, from_address, NOW).raw


def read(*, recipient="ada@example.com", sender=SENDER, sender_name=None, **content):
    raw = raw_of(recipient, sender, sender=sender_name, **content)
    assert raw.isascii()
    mail = message_from_bytes(raw, policy=policy.default)
    assert not list(defects(mail))
    return mail


def defects(mail):
    for part in mail.walk():
        yield from part.defects
        yield from (defect for header in part.values() for defect in header.defects)


def test_the_headers():
    *headers, (_, content_type) = read().items()
    assert content_type.startswith("multipart/alternative;")
    assert headers == [
        ("From", "Boxoffice <tickets@example.com>"),
        ("To", "ada@example.com"),
        ("Subject", "Hello"),
        ("Date", "Sat, 27 Jun 2026 18:30:00 +0000"),
        ("Message-ID", f"<{MESSAGE}@example.com>"),
        ("X-Outbox-Id", str(MESSAGE)),
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
    ]


def test_text_comes_before_html_and_pictures_belong_to_the_html():
    image = Image("qr-1@boxoffice", "ticket-1.png", b"\x89PNG\r\n\x1a\n")
    mail = read(images=[image])
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
    ]
    *_, picture = mail.walk()
    assert picture.get_content() == image.png
    assert picture["Content-ID"] == "<qr-1@boxoffice>"
    assert picture.get_content_disposition() == "inline"
    assert picture.get_filename() == "ticket-1.png"


def test_a_sender_without_a_name():
    assert read(sender="tickets@example.com")["From"] == "tickets@example.com"


@pytest.mark.parametrize(
    "name",
    [
        "Slow Tide",
        "Ọ̀ṣun Chamber Orchestra",
        'Größe & "Söhne", GmbH',
        'Jazz "Live", Ltd.',
        "back\\slash (comment) <b>; a:b",
        "=?utf-8?q?Your_Bank?=",
        "شب شعر علی\u200cرضا قربانی و گروه موسیقی " * 5,
        "👨\u200d👩\u200d👧" * 20,
        "x" * 200,
        "Donaudampfschifffahrt " * 9,
    ],
)
def test_the_seller_is_the_sender_at_our_address(name):
    mail = read(sender_name=name, reply_to="hello@seller.example")
    (sender,) = mail["From"].addresses
    assert sender.addr_spec == "tickets@example.com"
    # The parser of the policies puts a space between two encoded words. RFC 2047, section 6.2 forbids that.
    (header,) = (value for key, value in mail.raw_items() if key == "From")
    phrase, _, _ = str(make_header(decode_header(header))).rpartition("<")
    shown = re.sub(r"\\(.)", r"\1", phrase.strip().removeprefix('"').removesuffix('"')) if '"' in phrase else phrase
    assert shown.strip() == name.strip()
    assert mail["Reply-To"] == "hello@seller.example"


@pytest.mark.parametrize("at", ["@", "\uff20", "\ufe6b"])
def test_no_name_of_a_seller_looks_like_another_address(at):
    (sender,) = read(sender_name=f"service{at}paypal.com")["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("service at paypal.com", "tickets@example.com")


def test_answers_go_to_us_if_nobody_can_write_to_the_seller():
    assert "Reply-To" not in read(reply_to="jörg@seller.example")
    assert "Reply-To" not in read(reply_to="jo@seller.example\r\nBcc: eve@example.com")
    assert read(reply_to="jo@xn--bcher-kva.example")["Reply-To"] == "jo@xn--bcher-kva.example"


@given(subject=st.text(st.characters(codec="utf-8"), max_size=300).map(one_line))
def test_lines_and_encoded_words_are_short(subject):
    """RFC 2047, section 2: an encoded word has at most 75 octets, its line 76. RFC 5322: other lines at most 78."""
    raw = raw_of(subject=subject, sender=subject or None, text=subject * 9, html=subject * 9)
    assert max(map(len, raw.split(b"\r\n"))) <= 78
    headers = raw.partition(b"\r\n\r\n")[0]
    assert b"\r\n\r\n" not in headers.replace(b"\r\n ", b"")
    for line in headers.split(b"\r\n"):
        words = re.findall(rb"=\?utf-8\?[bq]\?[^?]*\?=", line)
        assert all(len(word) <= 75 for word in words)
        for word in words:  # each one alone, so no character is divided
            ((octets, charset),) = decode_header(word.decode())
            octets.decode(charset)
        assert not words or len(line) <= 76


@given(subject=st.text(st.characters(codec="utf-8"), max_size=300).map(one_line))
def test_every_subject_arrives_as_it_was(subject):
    mail = read(subject=subject)
    assert len(mail.items()) == 9
    assert mail["Subject"] == subject


@given(text=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=2000))
def test_every_text_arrives_as_it_was(text):
    mail = read(text=f"{text}\n", html=f"<p>{text}</p>\n")
    assert mail.get_body(("plain",)).get_content().splitlines() == f"{text}\n".splitlines()
    assert mail.get_body(("html",)).get_content().splitlines() == f"<p>{text}</p>\n".splitlines()


@pytest.mark.parametrize(
    "recipient", ["ada@example.com\r\nBcc: eve@example.com", "ada@example.com, eve@example.com", "ada", ""]
)
def test_a_recipient_that_is_not_one_address_is_refused(recipient):
    with pytest.raises((ValueError, HeaderParseError)):
        read(recipient=recipient)


def test_a_line_break_in_a_subject_is_refused():
    with pytest.raises(ValueError, match="linefeed"):
        read(subject="Hello\r\nBcc: eve@example.com")


def test_an_international_domain_is_written_in_ascii():
    assert read(recipient="ada@xn--bcher-kva.example")["To"] == "ada@xn--bcher-kva.example"


def test_attachments_come_after_the_text():
    attached = [
        Attachment("tickets-K7QW-3MPX.pdf", "application/pdf", b"%PDF-1.7\n\xff" * 99),
        Attachment("event.ics", 'text/calendar; charset="utf-8"; method=PUBLISH', "BEGIN:VCALENDAR\r\nẸ̀kọ́".encode()),
    ]
    mail = read(attachments=attached)
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "application/pdf",
        "text/calendar",
    ]
    document, calendar = mail.iter_attachments()
    assert (document.get_filename(), document.get_content()) == (attached[0].name, attached[0].content)
    assert calendar.get_payload(decode=True) == attached[1].content
    assert calendar["Content-Type"].params["method"] == "PUBLISH"
    assert mail.get_body(("plain",)).get_content().splitlines() == ["Text"]
