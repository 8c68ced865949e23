"""Write payouts into a file for the platform's bank: as a SEPA credit transfer, or as CSV.

The SEPA file is a pain.001.001.09 of ISO 20022, with what the European Payments Council wants in it (EPC132-08).
"""

import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.etree import ElementTree

from boxoffice.errors import rfc_3339
from boxoffice.exports.files import CONTENT_TYPES, CsvFile
from boxoffice.money import major
from boxoffice.payouts.models import FileRow, PaperTransfer

_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
_MOST_NAME = 70  # characters
_COLUMNS = ("payout", "organisation", "holder", "kind", "country", "bank", "account", "currency", "amount", "requested")
_NOTHING = "NOTPROVIDED"


@dataclass(frozen=True)
class Sender:
    """Whose account the platform pays from."""

    name: str
    iban: str


@dataclass(frozen=True)
class BankFile:
    """A file to download."""

    name: str
    media_type: str
    content: bytes


def csv(transfers: Sequence[PaperTransfer]) -> BankFile:
    """Return a CSV file of transfers by all kinds of methods."""
    sink = io.BytesIO()
    with CsvFile(sink) as file:
        file.write_rows([_COLUMNS])
        file.write_rows(_row_of(transfer) for transfer in transfers)
    return BankFile("payouts.csv", CONTENT_TYPES["csv"], sink.getvalue())


def _row_of(transfer: PaperTransfer) -> list[str]:
    payout = transfer.payout
    return [
        str(payout.id),
        payout.organisation_name,
        payout.holder,
        payout.kind,
        payout.country,
        payout.bank or "",
        transfer.account.removeprefix("+"),  # a program would read it as a formula
        payout.currency,
        str(major(payout.amount, payout.currency)),
        rfc_3339(payout.requested_at),
    ]


def sepa(file: FileRow, sender: Sender, transfers: Sequence[PaperTransfer]) -> BankFile:
    """Return a SEPA credit transfer. Each time, it has the same name, by which a bank refuses it a second time."""
    document = ElementTree.Element("Document", xmlns=_NAMESPACE)
    order = ElementTree.SubElement(document, "CstmrCdtTrfInitn")
    total = sum(transfer.payout.amount for transfer in transfers)
    sums = {"NbOfTxs": str(len(transfers)), "CtrlSum": str(major(total, file.currency))}
    name = latin(sender.name)
    header = {"MsgId": file.id.hex, "CreDtTm": _moment(file.created_at), **sums, "InitgPty/Nm": name}
    _add(ElementTree.SubElement(order, "GrpHdr"), header)
    payment = ElementTree.SubElement(order, "PmtInf")
    _add(payment, {"PmtInfId": file.id.hex, "PmtMtd": "TRF", **sums, "PmtTpInf/SvcLvl/Cd": "SEPA"})
    _add(payment, {"ReqdExctnDt/Dt": file.created_at.date().isoformat(), "Dbtr/Nm": name})
    _add(payment, {"DbtrAcct/Id/IBAN": sender.iban, "DbtrAgt/FinInstnId/Othr/Id": _NOTHING, "ChrgBr": "SLEV"})
    for transfer in transfers:
        _add_transfer(ElementTree.SubElement(payment, "CdtTrfTxInf"), transfer)
    content = ElementTree.tostring(document, encoding="utf-8", xml_declaration=True)
    return BankFile(f"payouts-{file.id}.xml", "application/xml", content)


def _add_transfer(element: ElementTree.Element, transfer: PaperTransfer) -> None:
    payout = transfer.payout
    _add(element, {"PmtId/EndToEndId": payout.id.hex, "Amt/InstdAmt": str(major(payout.amount, payout.currency))})
    amount = element.find("Amt/InstdAmt")
    assert amount is not None
    amount.set("Ccy", payout.currency)
    if payout.bank:
        _add(element, {"CdtrAgt/FinInstnId/BICFI": payout.bank})
    _add(element, {"Cdtr/Nm": latin(payout.holder), "CdtrAcct/Id/IBAN": transfer.account})
    _add(element, {"RmtInf/Ustrd": f"Payout {payout.id}"})


def _add(element: ElementTree.Element, texts: dict[str, str]) -> None:
    """Append elements with texts, each by its path. The outermost one is new each time."""
    for path, text in texts.items():
        inner = element
        for tag in path.split("/"):
            inner = ElementTree.SubElement(inner, tag)
        inner.text = text


def _moment(moment: datetime) -> str:
    return rfc_3339(moment.replace(microsecond=0))


def latin(name: str) -> str:
    """Return a name in the characters that all banks of SEPA read (EPC217-08).

    Accents go. Other scripts are spelled in Latin letters, and what is no letter becomes a full stop. A slash neither
    begins nor ends a text, and never stands beside another one.
    """
    from anyascii import anyascii

    plain = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    spelled = re.sub(r"[^A-Za-z0-9/?:().,'+ -]", ".", anyascii(plain.replace("&", "+").replace("_", "-")))
    text = re.sub(r"/+", "/", " ".join(spelled.split()))[:_MOST_NAME].strip("/ ")
    return text or _NOTHING
