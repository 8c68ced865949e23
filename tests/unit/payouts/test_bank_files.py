"""Files for the bank follow ISO's schema and SEPA's characters, and no cell is a formula."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from uuid import UUID
from xml.etree import ElementTree

import pytest
import xmlschema

from boxoffice.payouts import bank_files
from boxoffice.payouts.bank_files import Sender
from boxoffice.payouts.models import FileRow, ListedPayout, PaperTransfer

NAMESPACE = {"": "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"}
FILE = FileRow(UUID("01981f6c-7b00-7a11-8c3e-5d2f40a1b033"), "pain.001", "EUR", datetime(2027, 5, 20, 12, tzinfo=UTC))
SENDER = Sender("Böxoffice GmbH & Co. KG", "DE89370400440532013000")
PAYOUT = ListedPayout(
    id=UUID("01981f6c-7b00-7a11-8c3e-5d2f40a1b030"),
    organisation_id=UUID(int=1),
    organisation_name="Freedom Park",
    method_id=UUID(int=2),
    kind="iban",
    country="NL",
    holder="Café Zoë B.V.",
    bank="ABNANL2AXXX",
    key_id=1,
    account=b"",
    currency="EUR",
    amount=123_456,
    requested_at=datetime(2027, 5, 19, 8, 30, tzinfo=UTC),
)
TRANSFERS = [
    PaperTransfer(PAYOUT, "NL91ABNA0417164300"),
    PaperTransfer(replace(PAYOUT, id=UUID(int=3), bank=None, amount=5, holder="فرشته"), "GB29NWBK60161331926819"),
]


@pytest.fixture(scope="module")
def schema() -> xmlschema.XMLSchema:
    """Return ISO's schema of the message."""
    return xmlschema.XMLSchema(str(files("sepaxml") / "schemas/pain.001.001.09.xsd"))


def test_a_sepa_file_follows_the_schema_of_iso(schema: xmlschema.XMLSchema) -> None:
    file = bank_files.sepa(FILE, SENDER, TRANSFERS)

    schema.validate(file.content.decode())
    root = ElementTree.fromstring(file.content)
    texts = {name: [each.text for each in root.iterfind(f".//{name}", NAMESPACE)] for name in ("CtrlSum", "NbOfTxs")}
    assert texts == {"CtrlSum": ["1234.61", "1234.61"], "NbOfTxs": ["2", "2"]}
    amounts = root.findall(".//InstdAmt", NAMESPACE)
    assert [(each.text, each.get("Ccy")) for each in amounts] == [("1234.56", "EUR"), ("0.05", "EUR")]
    ibans = [each.text for each in root.iterfind(".//CdtrAcct/Id/IBAN", NAMESPACE)]
    assert ibans == ["NL91ABNA0417164300", "GB29NWBK60161331926819"]
    assert [each.text for each in root.iterfind(".//BICFI", NAMESPACE)] == ["ABNANL2AXXX"]
    assert root.findtext(".//Dbtr/Nm", namespaces=NAMESPACE) == "Boxoffice GmbH + Co. KG"


def test_it_is_the_same_each_time() -> None:
    first, second = (bank_files.sepa(FILE, SENDER, TRANSFERS) for _ in range(2))
    assert first == second
    assert FILE.id.hex.encode() in first.content


@pytest.mark.parametrize(
    ("name", "latin"),
    [
        ("Zoë Ångström-Müller", "Zoe Angstrom-Muller"),
        ("Smith & Sons", "Smith + Sons"),
        ("a_b", "a-b"),
        ("50% off!", "50. off."),
        ("//a//b/", "a/b"),
        ("Straße", "Strasse"),
        ("Ελλάδα", "Ellada"),
        ("x" * 100, "x" * 70),
        ("Veranstaltungskartenverkaufsgesellschaftsschlüssel", "Veranstaltungskartenverkaufsgesellschaftsschlussel"),
    ],
)
def test_a_name_is_spelled_in_the_characters_of_sepa(name: str, latin: str) -> None:
    assert bank_files.latin(name) == latin


@pytest.mark.parametrize("name", ["فرشته", "කමල් පෙරේරා", "東京", "🎭", "/", "<b>&amp;\"'"])
def test_any_name_is_spelled_so(name: str, schema: xmlschema.XMLSchema) -> None:
    spelled = bank_files.latin(name)
    assert spelled
    assert set(spelled) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-?:().,'+ ")
    transfer = PaperTransfer(replace(PAYOUT, holder=name), "NL91ABNA0417164300")
    schema.validate(bank_files.sepa(FILE, SENDER, [transfer]).content.decode())


def test_no_cell_of_a_csv_file_is_a_formula() -> None:
    wallet = replace(PAYOUT, kind="mobile_money", holder="=HYPERLINK(1)", bank="mtn", currency="UGX", amount=5000)

    content = bank_files.csv([PaperTransfer(wallet, "+256772123456")]).content

    (row,) = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    assert row == {
        "payout": str(PAYOUT.id),
        "organisation": "Freedom Park",
        "holder": "'=HYPERLINK(1)",
        "kind": "mobile_money",
        "country": "NL",
        "bank": "mtn",
        "account": "256772123456",
        "currency": "UGX",
        "amount": "5000",
        "requested": "2027-05-19T08:30:00Z",
    }
