"""An organiser's day: an event from its first draft to the figures after it, as its people and their programs call."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from python_calamine import CalamineWorkbook

from boxoffice import db, storage
from tests.helpers import invariants
from tests.helpers.announcements import send_announcements
from tests.helpers.clocks import let_pass, noon
from tests.helpers.mailbox import deliver, inbox
from tests.helpers.people import bearer, sign_up
from tests.helpers.printed import pages_of
from tests.helpers.provider_servers import Receiver as Webserver
from tests.helpers.provider_servers import Sandbox
from tests.helpers.queues import Queues, own_queues
from tests.helpers.receivers import Receiver, receiver, verdicts
from tests.helpers.reminders import send_reminders
from tests.helpers.sellers import count_sales
from tests.helpers.ses_events import bounce
from tests.helpers.support import Answer, Client, all_functions, context, function
from tests.helpers.uploads import look, picture, record_of, send

DESCRIPTION = "**Jazz** sous les étoiles 🎷\n\n- bar\n- terrasse\n\n<script>alert(1)</script>"
QUESTIONS = [
    {"id": "source", "asked_of": "order", "kind": "text", "label": "Comment nous connaissez-vous ?"},
    {
        "id": "diet",
        "asked_of": "ticket",
        "kind": "one_of",
        "label": "Que mangez-vous ?",
        "required": True,
        "at_door": True,
        "options": [{"id": "all", "label": "De tout"}, {"id": "other", "label": "Autre chose"}],
    },
    {
        "id": "what",
        "asked_of": "ticket",
        "kind": "text",
        "label": "Quoi donc ?",
        "at_door": True,
        "shown_if": {"question_id": "diet", "options": ["other"]},
    },
]
HOLDERS = [
    {"name": "Élodie Müller", "answers": {"diet": "all"}},
    {"name": "علی‌رضا", "email": "ali@example.com", "answers": {"diet": "other", "what": "=poisson"}},
    {"name": "ශ්‍රී 👨‍👩‍👧", "answers": {"diet": "all"}},
]
ELODIE, BOLA, FATOU = "elodie-of-the-day@example.com", "bola-of-the-day@example.com", "fatou-of-the-day@example.com"


@dataclass
class Someone:
    """Somebody who calls the API, each time with the same headers."""

    api: Client
    headers: dict[str, str] = field(default_factory=dict)

    def asks(self, call: str, body: Any = None, *, answered: int = 200, **options: Any) -> Answer:
        """Call such as ``GET /v1/events``. The answer has the status that is expected."""
        method, path = call.split()
        headers = self.headers | options.pop("headers", {})
        answer = self.api.request(method, path, body, headers=headers, **options)
        assert answer.status == answered, answer.body
        return answer

    def reads(self, path: str, **query: Any) -> Any:
        """Return what a path answers."""
        return self.asks(f"GET {path}", query=query).json


@dataclass
class Day:
    """Who takes part in the day, and where."""

    conn: db.Connection
    aws_url: str
    queues: Queues
    organiser: Someone
    admin: Someone
    public: Someone
    organisation: str
    event: str = ""
    types: dict[str, str] = field(default_factory=dict)

    def mails_to(self, address: str) -> list[EmailMessage]:
        """Let all that waits be sent. Return the emails that an address has got, as Python's parser reads them."""
        self.queues.work()
        return inbox(self.aws_url, address)


@pytest.fixture
def day(
    api: Client, conn: db.Connection, aws_url: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Day]:
    """A business that has just signed up, on a platform with an admin."""
    organiser = Someone(api, sign_up(api, email=FATOU, name="Fatou", organisation_name="Opéra de Lomé").headers)
    (membership,) = organiser.reads("/v1/me")["memberships"]
    admin = sign_up(api, email="admin-of-the-day@example.com")
    conn.execute("UPDATE accounts SET email_verified_at = now()")  # by the links of emails
    conn.execute("UPDATE accounts SET is_admin = true WHERE id = %s", [admin.id])
    storage._s3.cache_clear()
    with own_queues(monkeypatch) as queues, Webserver() as webserver:
        sandbox.send_webhooks_to(webserver.url)
        yield Day(
            conn, aws_url, queues, organiser, Someone(api, admin.headers), Someone(api), membership["organisation_id"]
        )
    storage._s3.cache_clear()


def test_an_organisers_day(day: Day, sandbox: Sandbox) -> None:
    with receiver() as own_server:
        endpoint = listens(day, own_server)
        prepares(day)
        shows_a_picture(day)
        publishes_on_three_evenings(day)
        is_found(day)
        buys_in_french(day, sandbox)
        qrs = gets_tickets(day)
        bounced = comes_back(day, sandbox)
        writes_to_the_holders(day)
        reminds(day)
        lifts(day, bounced)
        lets_in(day, qrs)
        lists_and_exports(day)
        counts(day)
        verifies(day, own_server, endpoint)
    holds(day)


def listens(day: Day, own_server: Receiver) -> dict[str, Any]:
    """Make a webhook endpoint that leads to the organiser's own server."""
    path = f"POST /v1/organisations/{day.organisation}/webhook-endpoints"
    return dict(day.organiser.asks(path, {"url": own_server.url}, answered=201).json)


def prepares(day: Day) -> None:
    """Draft an event that asks its buyers. It begins in eight days, where it is noon now."""
    time_zone, midnight = noon()
    start = midnight + timedelta(days=8, hours=19, minutes=30)
    body = {
        "organisation_id": day.organisation,
        "title": "Nuit du jazz 🎷",
        "category": "Concert",
        "venue": {"name": "Opéra", "address": "1 rue", "city": "Lomé", "country": "TG", "time_zone": time_zone},
        "starts_at": start.isoformat(),
        "ends_at": (start + timedelta(hours=4)).isoformat(),
        "doors_open_at": (start - timedelta(hours=1)).isoformat(),
        "currency": "XOF",
        "gates": [{"name": "Nord", "ticket_type_ids": None}],
        "holders": {"name": "required", "email": "optional"},
        "questions": QUESTIONS,
        "ticket_types": [
            {"name": "Debout", "price": 5000, "quantity": 100},
            {"name": "Balcon", "price": 8000, "quantity": 20},
        ],
    }
    draft = day.organiser.asks("POST /v1/events", body, answered=201)
    day.event = draft.json["id"]
    day.types = {each["name"]: each["id"] for each in draft.json["ticket_types"]}
    assert (draft.json["status"], draft.json["slug"]) == ("draft", "nuit-du-jazz-saxophone")

    change = {"slug": "jazz-a-lome", "description": DESCRIPTION}
    seen = {"If-Match": draft.headers["etag"]}
    changed = day.organiser.asks(f"PATCH /v1/events/{day.event}", change, headers=seen).json

    assert changed["slug"] == "jazz-a-lome"
    assert "<strong>Jazz</strong>" in changed["description_html"]
    assert "<script" not in changed["description_html"]
    stale = day.organiser.asks(f"PATCH /v1/events/{day.event}", {"title": "Jazz"}, headers=seen, answered=412)
    assert stale.code == "stale_version"


def shows_a_picture(day: Day) -> None:
    """Upload a picture as a browser does, and show it at the event and in a gallery."""
    content = picture(800, 600)
    body = {"organisation_id": day.organisation, "content_type": "image/jpeg", "size": len(content)}
    upload = day.organiser.asks("POST /v1/uploads", body, answered=201).json
    assert send(upload["form"], content).status_code == 204
    assert look(record_of(upload["id"])) == []
    assert day.organiser.reads(f"/v1/uploads/{upload['id']}")["status"] == "ready"

    day.organiser.asks(f"PATCH /v1/events/{day.event}", {"image_id": upload["id"], "image_alt": "Une trompette"})
    gallery = {"organisation_id": day.organisation, "title": "2025", "event_id": day.event, "is_published": True}
    made = day.organiser.asks("POST /v1/galleries", gallery, answered=201).json
    day.organiser.asks(f"POST /v1/galleries/{made['id']}/images", {"upload_id": upload["id"]}, answered=201)

    (shown,) = day.public.reads(f"/v1/galleries/{made['id']}")["images"]
    assert [size["width"] for size in shown["picture"]["sizes"]] == [320, 640, 800]


def publishes_on_three_evenings(day: Day) -> None:
    """Copy the draft to two more dates, and publish all."""
    start = datetime.fromisoformat(day.organiser.reads(f"/v1/events/{day.event}")["starts_at"])
    starts = [(start + timedelta(weeks=weeks)).isoformat() for weeks in (1, 2)]
    copies = day.organiser.asks(
        f"POST /v1/events/{day.event}/duplicate", {"starts_at": starts}, answered=201, key="new"
    ).json["items"]
    for each in [day.event, *(copy["id"] for copy in copies)]:
        day.organiser.asks(f"POST /v1/events/{each}/publish")

    mine = day.organiser.reads("/v1/me/events")["items"]
    assert [(each["title"], each["status"]) for each in mine] == [("Nuit du jazz 🎷", "published")] * 3
    assert mine[0]["image"]["alt"] == "Une trompette"


def is_found(day: Day) -> None:
    """Let buyers find the event by its category, its city and its names, and count who looks."""
    facets = day.public.reads("/v1/event-facets")
    assert facets == {
        "categories": [{"value": "concert", "events": 3}],
        "cities": [{"value": "Lomé", "events": 3}],
    }
    found = day.public.reads("/v1/events", category="concert", city="Lomé", q="jazz")["items"]
    assert [each["id"] for each in found][:1] == [day.event]
    assert {(each["sale_state"], each["from_price"]) for each in found} == {("on_sale", 5000)}
    series = day.public.reads("/v1/events", series_id=found[0]["series_id"])["items"]
    assert len(series) == 3

    path = "/v1/organisations/opera-de-lome/events/{}"
    moved = day.public.asks(f"GET {path.format('nuit-du-jazz-saxophone')}", answered=308)
    assert moved.headers["location"].endswith(path.format("jazz-a-lome"))
    event = day.public.reads(path.format("jazz-a-lome"))
    assert (event["id"], event["seller"]["name"]) == (day.event, "Opéra de Lomé")
    assert "sandbox" in event["payment_providers"]
    assert [question["label"] for question in event["questions"]] == [each["label"] for each in QUESTIONS]

    for view in ({"source": "affiche"}, {"source": "affiche"}, {"referrer": "https://www.example.com/jazz"}, {}):
        day.public.asks(f"POST /v1/events/{day.event}/views", view, answered=204)


def _buys(day: Day, sandbox: Sandbox, holders: list[Any], items: dict[str, int], **more: Any) -> str:
    """Order and pay on the sandbox's page. Return the order's id."""
    wanted = [{"ticket_type_id": day.types[name], "quantity": quantity} for name, quantity in items.items()]
    order = day.public.asks("POST /v1/orders", {"items": wanted, "holders": holders, **more}, answered=201, key="new")
    guest = Someone(day.public.api, {"X-Order-Token": order.json["access_token"]})
    path = f"/v1/orders/{order.json['id']}"
    payment = guest.asks(f"POST {path}/payments", {"provider": "sandbox"}, answered=201, key="new").json
    assert sandbox.decide(payment) == [200]
    assert guest.reads(path)["status"] == "paid"
    return str(order.json["id"])


def buys_in_french(day: Day, sandbox: Sandbox) -> None:
    """Buy two tickets at 5,000 and one at 8,000 francs, with a name and answers for each."""
    buyer = {"name": "Élodie Müller", "email": ELODIE}
    answers = {day.event: {"source": "une affiche"}}
    items = {"Debout": 2, "Balcon": 1}
    order = _buys(day, sandbox, HOLDERS, items, buyer=buyer, answers=answers, locale="fr-TG")

    shown = day.organiser.reads(f"/v1/orders/{order}")
    assert (shown["total"], shown["currency_exponent"]) == (18000, 0)
    assert [answer["text"] for answer in shown["answers"][day.event]] == ["une affiche"]


def gets_tickets(day: Day) -> list[str]:
    """Read the email with the tickets, and correct an answer by its link. Return the QRs that the PDF shows."""
    (mail,) = day.mails_to(ELODIE)
    assert (mail["Subject"], mail["From"].addresses[0].display_name) == (
        "Vos billets pour Nuit du jazz 🎷",
        "Opéra de Lomé",
    )
    text, html = _bodies(mail)
    assert "Vos billets sont ci-dessous" in text
    assert "Total : 18 000 F CFA" in text
    assert "Ouvrir vos billets : http" in text
    assert '<html lang="fr-TG" dir="ltr">' in html
    order, token = re.findall(r"/orders/(\S+)#token=(\S+)", text)[0]
    guest = Someone(day.public.api, {"X-Order-Token": token})
    last = guest.reads(f"/v1/orders/{order}")["tickets"][2]["id"]
    corrected = {"ticket_id": last, "answers": {"diet": "other", "what": "sans sel"}}
    guest.asks(f"PATCH /v1/orders/{order}", {"holders": [corrected]})

    pdf, calendar = mail.iter_attachments()
    assert calendar.get_content_type() == "text/calendar"
    pages = pages_of(pdf.get_content())
    assert "Élodie Müller" in pages[0].text
    assert len({page.qr for page in pages}) == 3
    return [page.qr for page in pages]


def _bodies(mail: EmailMessage) -> tuple[str, str]:
    """Return an email as text and as HTML."""
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    return " ".join(text.get_content().split()), html.get_content()


def comes_back(day: Day, sandbox: Sandbox) -> str:
    """Let the email of another buyer come back for good. Return the order's id."""
    holder = [{"name": "Bola", "answers": {"diet": "all"}}]
    order = _buys(day, sandbox, holder, {"Debout": 1}, buyer={"name": "Bola", "email": BOLA})
    assert len(day.mails_to(BOLA)) == 1
    (message,) = day.admin.reads("/v1/admin/outbox", recipient=BOLA)["items"]
    assert (message["template"], message["status"], message["feedback"]) == ("order_confirmation", "sent", None)

    assert deliver(bounce(BOLA, message["id"]), worker="receive_email_feedback") == []

    listed = day.organiser.reads(f"/v1/organisations/{day.organisation}/orders")["items"]
    assert {each["buyer"]["name"]: each["email_problem"] for each in listed} == {
        "Élodie Müller": None,
        "Bola": "bounced",
    }
    return order


def writes_to_the_holders(day: Day) -> None:
    """Preview a message, send it to oneself, then to all who have a ticket, and see what became of it."""
    path = f"/v1/events/{day.event}/messages"
    message = {"subject": "Prenez un manteau", "body": "Le toit est ouvert.\n\nÀ bientôt !"}
    preview = day.organiser.asks(f"POST {path}/preview", message | {"send_to_me": True}).json
    assert (preview["recipients"], preview["suppressed"], preview["sent_to"]) == (2, 1, FATOU)
    assert day.mails_to(FATOU)[-1]["Subject"] == preview["subject"]
    assert [mail["Subject"] for mail in day.mails_to(ELODIE)] == ["Vos billets pour Nuit du jazz 🎷"]

    sent = day.organiser.asks(f"POST {path}", message, answered=201, key="coats").json
    again = day.organiser.asks(f"POST {path}", message, answered=201, key="coats").json
    assert again == sent
    assert send_announcements()["units_failed"] == 0

    mail = day.mails_to(ELODIE)[-1]
    assert mail["Subject"] == "Prenez un manteau"
    assert "Le toit est ouvert." in _bodies(mail)[0]
    assert len(day.mails_to(BOLA)) == 1
    day.conn.execute("UPDATE announcements SET tally_at = now()")  # which comes by itself, a minute later
    send_announcements()
    (shown,) = day.organiser.reads(path)["items"]
    assert {name: shown[name] for name in ("status", "recipients", "sent", "suppressed", "waiting")} == {
        "status": "sent",
        "recipients": 2,
        "sent": 1,
        "suppressed": 1,
        "waiting": 0,
    }


def reminds(day: Day) -> None:
    """Let a week pass. Then it is the day before, and everybody who can be written to gets the tickets again."""
    let_pass(day.conn, timedelta(days=7))

    assert send_reminders()["units_failed"] == 0

    mail = day.mails_to(ELODIE)[-1]
    assert mail["Subject"] == "Demain : Nuit du jazz 🎷"
    pdf, _ = mail.iter_attachments()
    assert len(pages_of(pdf.get_content())) == 3
    assert send_reminders()["units_failed"] == 0
    assert len(day.mails_to(ELODIE)) == 3
    assert len(day.mails_to(BOLA)) == 1


def lifts(day: Day, bounced: str) -> None:
    """Let an admin see what was not sent, and let emails through again. Then the organiser sends the tickets."""
    dropped = day.admin.reads("/v1/admin/outbox", recipient=BOLA, status="dropped")["items"]
    assert [(each["template"], each["feedback"]) for each in dropped] == [
        ("reminder", "suppressed"),
        ("announcement", "suppressed"),
    ]
    (suppressed,) = day.admin.reads("/v1/admin/suppressed-addresses")["items"]
    assert (suppressed["address"], suppressed["reason"]) == (BOLA, "bounced")
    day.admin.asks(f"DELETE /v1/admin/suppressed-addresses/{suppressed['id']}", answered=204)
    assert day.organiser.reads(f"/v1/orders/{bounced}")["email_problem"] is None

    day.organiser.asks(f"POST /v1/orders/{bounced}/resend-email", answered=202)

    assert [mail["Subject"] for mail in day.mails_to(BOLA)] == ["Your tickets for Nuit du jazz 🎷"] * 2


def lets_in(day: Day, qrs: list[str]) -> None:
    """Let the doors open. Pair a phone, and scan the printed tickets of three who come. It shows what they eat."""
    let_pass(day.conn, timedelta(hours=31))
    until = day.public.reads(f"/v1/events/{day.event}")["ends_at"]
    body = {"name": "Nord", "event_ids": [day.event], "gates": ["Nord"], "until": until}
    door_pass = day.organiser.asks(f"POST /v1/organisations/{day.organisation}/door-passes", body, answered=201).json
    pairing = {"code": door_pass["pairing_code"]["code"], "name": "Le téléphone d'Ama"}
    paired = day.public.asks("POST /v1/door-devices", pairing, answered=201).json
    phone = Someone(day.public.api, bearer(paired["token"]))

    scans = [phone.asks("POST /v1/scans", {"qr": qr, "event_id": day.event, "gate": "Nord"}).json for qr in qrs]

    assert [(scan["holder_name"], [answer["text"] for answer in scan["answers"]]) for scan in scans] == [
        ("Élodie Müller", ["De tout"]),
        ("علی‌رضا", ["Autre chose", "=poisson"]),
        ("ශ්‍රී 👨‍👩‍👧", ["Autre chose", "sans sel"]),
    ]
    twice = phone.asks("POST /v1/scans", {"qr": qrs[0], "event_id": day.event, "gate": "Nord"}, answered=409)
    assert (twice.code, twice.json["first_scan_gate"]) == ("already_scanned", "Nord")


def lists_and_exports(day: Day) -> None:
    """Read the attendees in the list and in two kinds of files."""
    path = f"/v1/events/{day.event}/attendees"
    came = day.organiser.reads(path, checked_in="true")["items"]
    assert {(each["holder_name"], each["holder_contact"]) for each in came} == {
        ("Élodie Müller", None),
        ("علی‌رضا", "ali@example.com"),
        ("ශ්‍රී 👨‍👩‍👧", None),
    }
    (absent,) = day.organiser.reads(path, checked_in="false")["items"]
    assert (absent["holder_name"], absent["entries"]) == ("Bola", 0)

    written = _file(day, kind="attendees", format="csv", event_id=day.event).decode("utf-8-sig")
    rows = [*csv.DictReader(io.StringIO(written, newline=""))]
    assert [row["holder_name"] for row in rows] == [*(holder["name"] for holder in HOLDERS), "Bola"]
    assert [row["Quoi donc ?"] for row in rows] == ["", "'=poisson", "sans sel", ""]
    assert [row["Comment nous connaissez-vous ?"] for row in rows] == ["une affiche"] * 3 + [""]

    workbook = CalamineWorkbook.from_filelike(
        io.BytesIO(_file(day, kind="attendees", format="xlsx", event_id=day.event))
    )
    head, *cells = workbook.get_sheet_by_index(0).to_python()
    assert head == list(rows[0])
    what, entries = head.index("Quoi donc ?"), head.index("entries")
    assert [row[what] for row in cells] == ["", "=poisson", "sans sel", ""], "a text is no formula in a cell of text"
    assert [row[entries] for row in cells] == [1, 1, 1, 0]


def _file(day: Day, **body: Any) -> bytes:
    """Ask for an export, let the worker write it, and download it by its link."""
    export = day.organiser.asks(
        f"POST /v1/organisations/{day.organisation}/exports", body, answered=202, key="new"
    ).json
    day.queues.work()
    shown = day.organiser.reads(f"/v1/exports/{export['id']}")
    assert shown["status"] == "ready", shown
    return httpx.get(shown["download_url"]).raise_for_status().content


def counts(day: Day) -> None:
    """Read the figures, which are 3 times 5,000 and 8,000: 23,000 francs for four tickets in two orders."""
    count_sales(day.conn)
    figures = day.organiser.reads(f"/v1/events/{day.event}/analytics")
    assert [figures[name] for name in ("orders", "tickets", "gross", "total", "refunded")] == [2, 4, 23000, 23000, 0]
    assert (figures["views"], figures["conversion"]) == (4, 0.5)
    assert {each["source"]: each["views"] for each in figures["sources"]} == {"affiche": 2, "example.com": 1, None: 1}
    assert {each["name"]: each["total"] for each in figures["ticket_types"]} == {"Debout": 15000, "Balcon": 8000}

    written = _file(day, kind="revenue", event_id=day.event).decode("utf-8-sig")
    revenue = [*csv.DictReader(io.StringIO(written, newline=""))]
    assert sum(int(row["total"]) for row in revenue) == 23000
    stats = day.admin.reads("/v1/admin/stats")
    assert (stats["orders"], stats["tickets"], stats["events"]["published"]) == (2, 4, 3)
    assert [(each["currency"], each["total"]) for each in stats["revenue"]] == [("XOF", 23000)]
    assert (stats["outbox"]["waiting"], stats["outbox"]["failed"]) == (0, 0)


def verifies(day: Day, own_server: Receiver, endpoint: dict[str, Any]) -> None:
    """Verify all that the organiser's server has got, by the published library in a process of its own."""
    assert function("relay_outbox").handler({}, context())["units_failed"] == 0
    day.queues.work()

    assert verdicts(endpoint["secret"], own_server.requests) == ["yes"] * len(own_server.requests)
    assert len({*own_server.ids}) == len(own_server.ids)
    told = Counter(request.data["type"] for request in own_server.requests)
    assert told == {"event.updated": 2, "event.published": 3, "order.paid": 2, "order.updated": 1, "ticket.scanned": 3}
    deliveries = day.organiser.reads(f"/v1/organisations/{day.organisation}/webhook-deliveries", limit=100)["items"]
    assert len(deliveries) == len(own_server.requests)
    assert {each["status"] for each in deliveries} == {"delivered"}


def holds(day: Day) -> None:
    """Check all invariants as the admin sees them, once all jobs have run and the nightly check has."""
    invariants.check(day.conn)
    patient = context()
    patient.get_remaining_time_in_millis = lambda: 600_000
    jobs = [module for module in all_functions().values() if (module.__doc__ or "").startswith("Every ")]
    assert {job.__name__: job.handler({}, patient)["units_failed"] for job in jobs} == {job.__name__: 0 for job in jobs}
    day.queues.work()
    report = day.admin.reads("/v1/admin/invariants")
    assert (report["hold"], report["is_complete"]) == (True, True)
    assert (report["last_run"]["percent_done"], report["last_run"]["broken"]) == (100, [])
