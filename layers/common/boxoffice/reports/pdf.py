"""Statements to print: a PDF of a month, made from the template `statement.typ`."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date

from boxoffice import languages, money, typesetting
from boxoffice.languages import gettext, written_in
from boxoffice.reports.figures import IN_NET, Figure
from boxoffice.reports.models import EventLine, Facts, Party, Posting, Section, Statement
from boxoffice.tickets.faces import printable
from boxoffice.times import in_utc


def render(statement: Statement) -> bytes:
    """Return a PDF of a statement, in the language of the organisation."""
    with written_in(statement.organisation.locale) as language:
        facts = _facts(statement) | {"language": language.tag.partition("-")[0]}
    return typesetting.pdf("reports/statement.typ", "printed", _printable(facts))


def _printable(content: Facts | list[Facts] | str | None) -> object:
    """Return some content with texts that can be printed."""
    match content:
        case str():
            return printable(content)
        case dict():
            return {name: _printable(value) for name, value in content.items()}
        case list():
            return [_printable(each) for each in content]
        case _:
            return content


def _facts(statement: Statement) -> Facts:
    month = statement.month
    return {
        "title": gettext("Statement"),
        "month": _month(month.since),
        "provisional": _provisional(statement),
        "facts": [
            [gettext("Number"), statement.number],
            [gettext("Period"), f"{_day(month.since)} – {_day(month.until)}"],
        ],
        "issuer": {"label": gettext("Issued by"), **_party(statement.platform)},
        "recipient": {"label": gettext("Issued to"), **_party(statement.organisation)},
        "page": gettext("Page %(number)s of %(count)s", number="{number}", count="{count}"),
        "note": gettext("Days and months are in UTC. Each amount counts on the day on which it was booked."),
        "nothing": gettext("Nothing was booked in this month, and no balance was open."),
        "sections": [_section(section, statement) for section in statement.sections],
    }


def _provisional(statement: Statement) -> str | None:
    if statement.as_of is None:
        return None
    return gettext("Provisional: the month is not closed. As of %(moment)s.", moment=in_utc(statement.as_of))


def _party(party: Party) -> Facts:
    return {"name": party.name, "address": party.postal_address.split("\n") if party.postal_address else []}


def _section(section: Section, statement: Statement) -> Facts:
    def shown(amount: int) -> str:
        return money.number(amount, section.currency, languages.current().numbers)

    first, last = _day(statement.month.since), _day(statement.month.until)
    return {
        "currency": section.currency,
        "amounts": gettext("All amounts are in %(currency)s.", currency=section.currency),
        "summary": {
            "title": gettext("Balance"),
            "opening": [gettext("Opening balance on %(day)s", day=first), shown(section.opening)],
            "rows": _summary(section, shown),
            "closing": [
                gettext("Closing balance on %(day)s", day=last),
                money.show(section.closing, section.currency, languages.current().numbers),
            ],
        },
        "notes": _notes(section),
        "held": _held(section, shown),
        "tables": [
            *_events(section.events, section, shown),
            *_postings(gettext("Payouts"), gettext("Reference"), section.payouts, shown),
            *_postings(gettext("Corrections"), gettext("Reason"), section.corrections, shown),
        ],
        "own": _own(section, shown),
    }


def _summary(section: Section, shown: Callable[[int], str]) -> list[list[str]]:
    """Return the lines from the opening to the closing balance. Sales and payouts are always among them."""
    labels: dict[Figure, str] = {
        "gross": gettext("Ticket sales"),
        "refunds": gettext("Refunds"),
        "disputes": gettext("Disputed payments"),
        "platform_fees": gettext("Fees of the platform"),
        "provider_fees": gettext("Fees of payment providers"),
        "corrections": gettext("Corrections"),
        "payouts": gettext("Payouts"),
    }
    signs: dict[Figure, int] = {**IN_NET, "payouts": -1}
    return [
        [label, shown(signs[figure] * section.figures[figure])]
        for figure, label in labels.items()
        if section.figures[figure] or figure in ("gross", "payouts")
    ]


def _notes(section: Section) -> list[str]:
    notes = []
    if taxes := section.figures["taxes"]:
        amount = money.show(taxes, section.currency, languages.current().numbers)
        notes.append(gettext("The sales include %(amount)s of tax, after refunds.", amount=amount))
    if section.closing < 0:
        notes.append(gettext("The balance is negative: it is settled with later sales, before anything is paid out."))
    return notes


def _held(section: Section, shown: Callable[[int], str]) -> Facts:
    labels = {
        "available": gettext("Available for payout"),
        "in_payout": gettext("In payouts that are under way"),
        "pending": gettext("Of events whose money is not released yet"),
        "tax": gettext("Tax on sales that are not released yet"),
    }
    return {
        "title": gettext("Of the closing balance"),
        "rows": [[label, shown(section.held[account])] for account, label in labels.items() if section.held[account]],
    }


def _events(events: Sequence[EventLine], section: Section, shown: Callable[[int], str]) -> Iterable[Facts]:
    if not events:
        return

    def amounts(figures: dict[Figure, int], net: int) -> list[str]:
        fees = figures["platform_fees"] + figures["provider_fees"]
        return [*map(shown, (figures["gross"], -figures["refunds"], -figures["disputes"], -fees, net))]

    net = sum(each.net for each in events)
    yield {
        "title": gettext("Events"),
        "columns": [
            gettext("Event"),
            *(gettext("Sales"), gettext("Refunds"), gettext("Disputed"), gettext("Fees"), gettext("Net")),
        ],
        "rows": [[[each.title, _day(each.day)], *amounts(each.figures, each.net)] for each in events],
        "total": [gettext("Total"), *amounts(section.figures, net)],
    }


def _postings(title: str, reference: str, postings: Sequence[Posting], shown: Callable[[int], str]) -> Iterable[Facts]:
    if not postings:
        return
    returned = gettext("Came back from the bank")

    def said(each: Posting) -> str:
        texts = (returned if each.kind == "payout_returned" else None, each.reference)
        return ": ".join(filter(None, texts)) or "–"

    yield {
        "title": title,
        "columns": [reference, gettext("Amount")],
        "rows": [[[said(each), _day(each.day)], shown(each.amount)] for each in postings],
        "total": [gettext("Total"), shown(sum(each.amount for each in postings))],
    }


def _own(section: Section, shown: Callable[[int], str]) -> Facts | None:
    if section.own is None:
        return None
    own = section.own
    rows = [
        (gettext("Ticket sales"), own["gross"]),
        (gettext("Refunds"), -own["refunds"]),
        (gettext("Disputed payments"), -own["disputes"]),
    ]
    total = sum(amount for _, amount in rows)
    return {
        "title": gettext("For information: money that you took yourselves"),
        "note": gettext(
            "It came to your own account at a payment provider, or by hand. So it is not part of the balance. The fees "
            "of the platform on it are."
        ),
        "rows": [[label, shown(amount)] for label, amount in rows if amount],
        "total": [gettext("Total"), shown(total)],
    }


def _day(day: date) -> str:
    from babel.dates import format_date

    return format_date(day, "long", languages.current().dates)


def _month(day: date) -> str:
    from babel.dates import format_skeleton

    return format_skeleton("yMMMM", day, locale=languages.current().dates)
