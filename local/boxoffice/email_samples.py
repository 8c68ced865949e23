"""An example of each email, for whoever works on their words and their looks, and for the tests of all languages.

`WRITERS` of `boxoffice.messaging.emails` read their facts from the database. Here the facts are made up, by two casts:
one as on most days, and one with names that are hard to show.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Literal
from uuid import UUID

from markupsafe import Markup

from boxoffice import emails, languages, times
from boxoffice.emails import Content, Image, Occasion, Seller
from boxoffice.languages import gettext
from boxoffice.markdown import html_of
from boxoffice.orders.emails import EmailItem, EmailOrder
from boxoffice.orders.receipts import receipt_of
from boxoffice.tickets import qr
from boxoffice.tickets.emails import EmailTicket

_ID = UUID("01981f6c-7b00-7a11-8c3e-5d2f40a1b001")
_STARTS_AT = datetime(2026, 6, 27, 18, 30, tzinfo=UTC)
_LINK = "https://tickets.example.com/page#token=01981f6c7b007a118c3e5d2f40a1b001.1.0b7kPq"

type CastName = Literal["everyday", "hard"]


@dataclass(frozen=True)
class Cast:
    """Who and what an email is about."""

    buyer: str
    friend: str
    seller: str
    title: str
    other_title: str
    ticket_type: str
    venue: str
    address: str
    city: str
    seat: str | None
    reason: str
    currency: str
    contact: str | None


CASTS: dict[CastName, Cast] = {
    "everyday": Cast(
        buyer="Ada Obi",
        friend="Chidi Eze",
        seller="Freedom Park",
        title="Night of the Hundred Rivers",
        other_title="Slow Tide",
        ticket_type="Stalls",
        venue="Freedom Park",
        address="1 Hospital Road",
        city="Lagos",
        seat="Stalls · Row F · 12",
        reason="The singer is ill. We are sorry.",
        currency="NGN",
        contact="hello@freedom-park.example",
    ),
    "hard": Cast(
        buyer="علی‌رضا قربانی",
        friend="සුනිල් පෙරේරා 👩‍👩‍👧",
        seller="Donaudampfschifffahrtsgesellschaft Größe & <Söhne> GmbH",
        title="شب شعر علی‌رضا قربانی و گروه موسیقی",
        other_title="Donaudampfschifffahrtsgesellschaftskapitänswitwenkonzert",
        ticket_type="Rang für Rollstuhlfahrerinnen und Begleitpersonen",
        venue="තරංගනී ශාලාව",
        address="Rindfleischetikettierungsüberwachungsaufgabenstraße 1234b, Hinterhaus",
        city="කොළඹ",
        seat=None,
        reason="خواننده بیمار است. 😢 " * 3,
        currency="RSD",
        contact=None,
    ),
}


@dataclass(frozen=True)
class _Sample:
    template: str
    subject: str
    facts: Mapping[str, Any]
    is_ours: bool = False


def names() -> list[str]:
    """Return the names of the samples: that of the template, and of what is special about it."""
    return sorted(_SAMPLES)


def write(name: str, cast: CastName = "everyday") -> Content:
    """Write a sample, in the language of `languages.written_in`."""
    sample, made_up = _SAMPLES[name], _facts(CASTS[cast])
    facts = {**made_up, **{key: value(made_up) if callable(value) else value for key, value in sample.facts.items()}}
    subject = gettext(sample.subject, **{key: facts[key] for key in ("event_title", "number")} | facts["in_subject"])
    seller = Seller("Boxoffice", None) if sample.is_ours else facts["seller_of_email"]
    return emails.write(sample.template, subject, facts, images=[facts["picture"]], seller=seller)


def page(content: Content) -> str:
    """Return an email's HTML with its pictures in it."""
    html = content.html
    for image in content.images:
        picture = f"data:image/png;base64,{base64.b64encode(image.png).decode()}"
        html = html.replace(f"cid:{image.content_id}", picture)
    return html


def _facts(cast: Cast) -> dict[str, Any]:
    """Return all values that templates use. Samples whose template means something else by a name replace it."""
    occasion = _occasion(cast, cast.title)
    money = {name: emails.money_of(amount, cast.currency) for name, amount in _AMOUNTS.items()}
    when, place, until = times.when_of(occasion), emails.venue_of(occasion), times.moment_of(_STARTS_AT, occasion)
    picture = Image("qr@tickets.boxoffice", "ticket-1.png", qr.png("BO1:AEAAAANCC4S2IYTZUCSICOUF6U3DBNFU4KRW"))
    ticket = EmailTicket(_ID, _ID, 1, cast.ticket_type, cast.buyer, cast.seat, 2, picture)
    other_ticket = EmailTicket(_ID, UUID(int=2), 2, cast.ticket_type, cast.friend, None, 1, picture)
    entry = SimpleNamespace(
        event_title=cast.title,
        ticket_type_name=cast.ticket_type,
        quantity=2,
        seller=cast.seller,
        currency=cast.currency,
        unit_price=_AMOUNTS["amount"] // 2,
        seats=[cast.seat] if cast.seat else [],
        is_cancelled=False,
    )
    return {
        **money,
        "in_subject": {
            "event": cast.title,
            "name": cast.seller,
            "events": emails.titles_of([cast.title, cast.other_title]),
        },
        "event_title": cast.title,
        "seller_of_email": Seller(cast.seller, cast.contact),
        "seller": cast.seller,
        "contact_email": cast.contact,
        "picture": picture,
        "site": "Boxoffice",
        "number": "K7QW-3MPX",
        "link": _LINK,
        "confirm_link": _LINK,
        "token": _LINK.partition("=")[2],
        "when": when,
        "place": place,
        "until": until,
        "expires": times.in_utc(_STARTS_AT),
        "titles": [cast.title, cast.other_title],
        "gone": None,
        "by_hand": False,
        "is_taken": True,
        "whole": True,
        "is_open": True,
        "order": None,
        "most": 20,
        "quantity": 2,
        "new_email": "ada.obi@example.com",
        "ending": "42",
        "left": 3,
        "reason": cast.reason,
        "organisation": cast.seller,
        "name": cast.seller,
        "new_owner": cast.friend,
        "role": "manager",
        "decision": "approve",
        "said": "",
        "log_in": _LINK,
        "forgot_password": _LINK,
        "entry": entry,
        "event": SimpleNamespace(event_title=cast.title, seller=cast.seller, reason=cast.reason),
        "transfer": SimpleNamespace(
            event_title=cast.title,
            seller=cast.seller,
            ticket_type_name=cast.ticket_type,
            from_name=cast.buyer,
            to_name=cast.friend,
        ),
        "ticket": ticket,
        "key": SimpleNamespace(
            created_by_name=cast.buyer,
            organisation_name=cast.seller,
            name="Website",
            ending="x7Qp",
            scopes=["events.read", "orders.write"],
        ),
        "method": SimpleNamespace(
            created_by_name=cast.buyer,
            organisation_name=cast.seller,
            holder=cast.seller,
            country="NG",
            currency=cast.currency,
            ending="4579",
        ),
        "usable_from": times.in_utc(_STARTS_AT),
        "payout": SimpleNamespace(
            requested_by_name=cast.buyer,
            organisation_name=cast.seller,
            holder=cast.seller,
            ending="4579",
            bank_reference="RF18539007547034",
            reason=cast.reason,
        ),
        "endpoint": SimpleNamespace(
            organisation_name=cast.seller,
            url="https://shop.example.com/webhooks",
            description=cast.title,
            disabled_reason="failing",
        ),
        "since": times.in_utc(_STARTS_AT),
        "changed": [times.when_of(_occasion(cast, cast.title, later=timedelta(hours=-2))).text],
        "page": gettext("See your order"),
        "ended": [{"quantity": 2, "type_name": cast.ticket_type, "event_title": cast.title}],
        "items": [
            {"event_title": cast.title, "when": when.text, "quantity": 2, "ticket_type_name": cast.ticket_type},
        ],
        "orders": [{"number": "K7QW-3MPX", "what": cast.title, "seller": cast.seller, "link": _LINK, "token": "x"}],
        "links": [{"what": cast.other_title, "seller": cast.seller, "link": None, "token": "01981f6c7b.1.0b7kPq"}],
        "tickets": 2,
        "greeting": f"{gettext('You have paid, and this is your receipt.')} {gettext('Your tickets are below.')}",
        "left_out": None,
        "receipt": _receipt(cast),
        "events": [
            {"title": cast.title, "when": when, "place": place, "tickets": [ticket]},
            {"title": cast.other_title, "when": when, "place": place, "tickets": [other_ticket]},
        ],
    }


_AMOUNTS = {"total": 1_500_000, "amount": 1_500_000, "sent": 1_200_000, "kept": 300_000}


def _occasion(cast: Cast, title: str, later: timedelta = timedelta(0)) -> Occasion:
    starts_at = _STARTS_AT + later
    clock = (cast.venue, cast.address, cast.city, "Africa/Lagos", starts_at, starts_at + timedelta(hours=3))
    return Occasion(*clock, starts_at - timedelta(hours=1), _ID, 1, title, cast.seller, cast.contact)


def _receipt(cast: Cast) -> Any:
    occasions = [_occasion(cast, title) for title in (cast.title, cast.other_title)]
    items = [
        EmailItem(**vars(occasion) | {"event_id": UUID(int=number)}, **_charge(cast))
        for number, occasion in enumerate(occasions, start=1)
    ]
    paid = EmailOrder(_ID, "K7QW3MPX", cast.currency, 1_500_000, 0, cast.seller, cast.contact, "TENTH", _STARTS_AT)
    return receipt_of(paid, items)


def _charge(cast: Cast) -> dict[str, Any]:
    """Return the charge of an item: two tickets at 3,750.00, less 250.00, plus a fee of 250.00, with 500.00 of tax."""
    amounts = {"unit_price": 375_000, "discount": 25_000, "buyer_fee": 25_000, "tax": 50_000, "total": 750_000}
    return {"ticket_type_id": _ID, "ticket_type_name": cast.ticket_type, "quantity": 2, **amounts}


def _ours(template: str, subject: str, **facts: Any) -> _Sample:
    return _Sample(template, subject, facts, is_ours=True)


def _sold(template: str, subject: str, **facts: Any) -> _Sample:
    return _Sample(template, subject, facts)


def _said(_: Mapping[str, Any]) -> str:
    return gettext(
        "Somebody, most likely you, wants to sign up with this address at %(site)s. But there is an account"
        " with it already.",
        site="Boxoffice",
    )


def _attribute(name: str, **changes: Any) -> Callable[[Mapping[str, Any]], Any]:
    return lambda facts: SimpleNamespace(**vars(facts[name]) | changes)


def _paragraphs(facts: Mapping[str, Any]) -> list[list[str]]:
    return [[facts["reason"]], ["5 > 4 & 3", "https://example.com/weather?city=lagos&day=1"]]


def _issue(facts: Mapping[str, Any]) -> Markup:
    list_of_links = "1. <https://example.com/a?b=1&c=2>\n2. Come"
    source = f"# {facts['event_title']}\n\n{facts['reason']} **5 > 4 & 3**\n\n{list_of_links}"
    return Markup(html_of(source))


def _address(facts: Mapping[str, Any]) -> list[str]:
    return str(facts["place"]).split(", ")


_BOUGHT = "Your tickets for %(events)s"
_SAMPLES = {
    "account_blocked": _ours("account_blocked", "Your account has been blocked"),
    "account_exists": _ours("account_exists", "You already have an account", said=_said),
    "account_exists, without pages": _ours(
        "account_exists", "You already have an account", said=_said, log_in=None, forgot_password=None
    ),
    "account_unblocked": _ours("account_unblocked", "You can use your account again"),
    "admin_role_given": _ours("admin_role_given", "You are an admin now"),
    "admin_role_taken": _ours("admin_role_taken", "You are no longer an admin"),
    "confirm_email": _ours("confirm_email", "Confirm your email address"),
    "confirm_email, without pages": _ours("confirm_email", "Confirm your email address", link=None),
    "confirm_email_change": _ours("confirm_email_change", "Confirm your new email address"),
    "confirm_sign_up": _ours("confirm_sign_up", "Confirm your email address"),
    "email_change_started": _ours("email_change_started", "Your email address is about to change"),
    "email_change_undone": _ours("email_change_undone", "Your email address is yours again"),
    "email_changed": _ours("email_changed", "Your email address has been changed"),
    "google_connected": _ours("google_connected", "You can log in with Google from now on"),
    "password_changed": _ours("password_changed", "Your password has been changed"),
    "phone_confirmed": _ours("phone_confirmed", "A phone has been added to your account"),
    "phone_lost": _ours("phone_lost", "Your phone has been removed from your account"),
    "recovery_code_used": _ours("recovery_code_used", "A recovery code of your account was used"),
    "recovery_code_used, the last one": _ours("recovery_code_used", "A recovery code of your account was used", left=0),
    "reset_password": _ours("reset_password", "Set a new password"),
    "second_factor_added": _ours("second_factor_added", "Your account asks for a code from now on"),
    "second_factor_removed": _ours("second_factor_removed", "Your account no longer asks for a code"),
    "api_key_created": _ours("api_key_created", "Your organisation has a new API key"),
    "payout_method_added": _ours("payout_method_added", "Your organisation has a new payout method"),
    "payout_changed, requested": _ours("payout_changed", "A payout was requested", status="requested"),
    "payout_changed, approved": _ours("payout_changed", "A payout was approved", status="approved"),
    "payout_changed, rejected": _ours("payout_changed", "A payout was rejected", status="rejected"),
    "payout_changed, sent": _ours("payout_changed", "A payout was sent", status="sent"),
    "payout_changed, returned": _ours("payout_changed", "A payout came back", status="returned"),
    "webhook_endpoint_disabled": _ours("webhook_endpoint_disabled", "Your webhooks were stopped"),
    "webhook_endpoint_disabled, since it is gone": _ours(
        "webhook_endpoint_disabled",
        "Your webhooks were stopped",
        endpoint=_attribute("endpoint", disabled_reason="gone", description=""),
    ),
    "account_erased": _ours("account_erased", "Your account has been closed"),
    "personal_data": _ours("personal_data", "Your personal data"),
    "invitation": _ours("invitation", "You are invited to an organisation"),
    "organisation_decided, approved": _ours(
        "organisation_decided", "Your organisation can sell tickets now", reason=None
    ),
    "organisation_decided, rejected": _ours(
        "organisation_decided", "Your organisation was not approved", decision="reject"
    ),
    "organisation_decided, suspended": _ours(
        "organisation_decided", "Your organisation is suspended", decision="suspend"
    ),
    "ownership_handed_over": _ours("ownership_handed_over", "Your organisation has another owner now"),
    "ownership_received": _ours("ownership_received", "You are now the owner of an organisation"),
    "order_links": _ours("order_links", "Your orders and tickets", tickets=lambda facts: facts["links"]),
    "order_confirmation": _sold("order_confirmation", _BOUGHT),
    "order_confirmation, with new QRs": _sold(
        "order_confirmation",
        _BOUGHT,
        notice=lambda _: emails.notice_of("qrs"),
        events=lambda facts: facts["events"][:1],
    ),
    "confirm_order": _ours("confirm_order", "Confirm your order"),
    "confirm_order_email": _sold("confirm_order_email", "Confirm your address for order %(number)s", link=None),
    "order_email_change_started": _sold(
        "order_email_change_started", "Order %(number)s is about to leave this address", link=None
    ),
    "order_email_changed": _sold("order_email_changed", "Order %(number)s has another address", link=None),
    "order_received": _sold("order_received", "Your order for %(events)s"),
    "event_moved": _sold("event_moved", "New time: %(event)s"),
    "reminder": _sold(
        "reminder",
        "Tomorrow: %(event)s",
        tickets=lambda facts: [each for event in facts["events"] for each in event["tickets"]],
        count=2,
    ),
    "announcement": _sold("announcement", "Tomorrow: %(event)s", paragraphs=_paragraphs),
    "newsletter": _sold("newsletter", "Tomorrow: %(event)s", body=_issue, postal_address=_address),
    "newsletter_confirm": _sold("newsletter_confirm", "Do you want this newsletter?"),
    "newsletter_confirm, without pages": _sold("newsletter_confirm", "Do you want this newsletter?", link=None),
    "payment_processing": _sold("payment_processing", "We are waiting for your payment for %(events)s"),
    "payment_failed": _sold("payment_failed", "Your payment for %(events)s has failed"),
    "payment_returned": _sold("payment_returned", "Your payment for %(events)s goes back to you"),
    "excess_returned": _sold("excess_returned", "You paid more than needed for %(events)s"),
    "refund_sent": _sold("refund_sent", "Your refund for %(events)s is on its way"),
    "refund_sent, by hand": _sold("refund_sent", "Your refund for %(events)s is on its way", by_hand=True),
    "refund_delayed": _sold("refund_delayed", "Your refund for %(events)s is delayed"),
    "order_refunded": _sold("order_refunded", "Your refund for %(events)s", kept=None, is_taken=False),
    "order_refunded, in part": _sold(
        "order_refunded", "Your refund for %(events)s", whole=False, gone=lambda facts: facts["kept"], ended=[]
    ),
    "order_refunded, without money": _sold("order_refunded", _BOUGHT, amount=None, sent=None),
    "event_cancelled": _sold("event_cancelled", "Cancelled: %(event)s", order=True),
    "event_cancelled, to a holder": _sold("event_cancelled", "Cancelled: %(event)s", sent=None, link=None),
    "ticket_withdrawn": _sold(
        "ticket_withdrawn",
        "Your ticket for %(event)s is no longer valid",
        ticket=lambda facts: SimpleNamespace(
            id=_ID, seller=facts["seller"], ticket_type_name=facts["entry"].ticket_type_name
        ),
    ),
    "transfer_started": _sold("transfer_started", "A ticket for %(event)s was sent to you"),
    "transfer_accepted": _sold("transfer_accepted", "Your ticket for %(event)s"),
    "transfer_accepted, too late": _sold("transfer_accepted", "Your ticket for %(event)s", ticket=None, link=None),
    "transfer_completed": _sold("transfer_completed", "Your ticket for %(event)s has passed to somebody else"),
    "waitlist_confirm": _sold("waitlist_confirm", "Do you want to wait for tickets for %(event)s?"),
    "waitlist_joined": _sold("waitlist_joined", "You are on the waitlist for %(event)s"),
    "waitlist_offer": _sold("waitlist_offer", "It is your turn: tickets for %(event)s", total=_AMOUNTS["total"]),
    "waitlist_offer, of one ticket": _sold(
        "waitlist_offer",
        "It is your turn: tickets for %(event)s",
        total=_AMOUNTS["total"],
        entry=_attribute("entry", quantity=1),
    ),
    "waitlist_offer, which is over": _sold(
        "waitlist_offer", "It is your turn: tickets for %(event)s", total=None, is_open=False
    ),
    "waitlist_lapsed": _sold("waitlist_lapsed", "Your tickets for %(event)s are no longer held"),
    "waitlist_lapsed, as the event is cancelled": _sold(
        "waitlist_lapsed",
        "Your tickets for %(event)s are no longer held",
        entry=_attribute("entry", is_cancelled=True),
    ),
}


def subjects() -> set[str]:
    """Return the messages that are the subjects of samples."""
    return {sample.subject for sample in _SAMPLES.values()}


def shown_languages() -> list[str]:
    """Return the languages in which samples can be shown."""
    return sorted(languages.tags())
