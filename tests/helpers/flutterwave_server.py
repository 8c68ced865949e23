"""A stub of Flutterwave: the part of its API v3 about payments, transactions and refunds.

It is a process of its own: ``python -m tests.helpers.flutterwave_server PORT``. ``POST /_config/pay`` lets a buyer pay.
``POST /_config/settlement`` settles transactions. ``POST /_config/mode/{mode}`` sets how it answers.
``GET /_config/requests`` lists the requests since the last such call.
"""

import json
import socket
import sys
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

SECRET_KEY = "sk_flutterwave_secret_key"

_ids = count(288_200_108)
_links: dict[str, dict[str, Any]] = {}
_transactions: dict[int, dict[str, Any]] = {}
_refunds: dict[int, dict[str, Any]] = {}
_chargebacks: dict[int, dict[str, Any]] = {}
_settlements: dict[int, dict[str, Any]] = {}
_PAGE_OF_SETTLEMENTS = 20
_requests: list[str] = []
_mode = "works"

type Reply = tuple[int, dict[str, Any]]


def success(data: Any, message: str = "ok") -> Reply:
    """Return an answer in Flutterwave's form."""
    return 200, {"status": "success", "message": message, "data": data}


def failure(status: int, message: str) -> Reply:
    """Return an error in Flutterwave's form."""
    return status, {"status": "error", "message": message, "data": None}


def create_payment(body: dict[str, Any]) -> Reply:
    """Make a link on which a buyer can pay."""
    if not body.get("tx_ref") or not body.get("customer", {}).get("email") or not body.get("redirect_url"):
        return failure(400, "tx_ref, customer.email and redirect_url are required")
    if body["currency"] not in ("NGN", "GHS", "KES", "USD", "XOF"):
        return failure(400, "currency is not supported")
    _links[body["tx_ref"]] = body
    return success({"link": f"https://checkout.flutterwave.com/v3/hosted/pay/{body['tx_ref'][:12]}"}, "Hosted Link")


def pay(body: dict[str, Any]) -> Reply:
    """Make the transaction of a buyer who pays, or tries to."""
    link = _links[body["tx_ref"]]
    number = next(_ids)
    _transactions[number] = {
        "id": number,
        "tx_ref": body["tx_ref"],
        "flw_ref": f"FLW{number}",
        "amount": body.get("amount", link["amount"]),
        "currency": body.get("currency", link["currency"]),
        "charged_amount": body.get("charged_amount", body.get("amount", link["amount"])),
        "app_fee": 1.4,
        "status": body.get("status", "successful"),
        "payment_type": body.get("payment_type", "card"),
        "customer": {"id": 1, "email": link["customer"]["email"]},
    }
    return success(_transactions[number])


def verify(number: int) -> Reply:
    """Answer with a transaction, or with another as the mode says."""
    transaction = _transactions.get(number - 1 if _mode == "mixes up" else number)
    return success(transaction, "Transaction fetched successfully") if transaction else no_transaction()


def list_transactions(reference: str) -> Reply:
    """Answer with the transactions of a link, the newest first."""
    is_mixed_up = _mode == "mixes up"
    transactions = [each for each in _transactions.values() if is_mixed_up or each["tx_ref"] == reference]
    return success(transactions[::-1], "Transactions fetched")


def no_transaction() -> Reply:
    """Return Flutterwave's answer about an unknown transaction."""
    return failure(400, "No transaction was found for this id")


def refund(number: int, body: dict[str, Any]) -> Reply:
    """Refund a transaction, or fail to as the mode says."""
    transaction = _transactions.get(number)
    if transaction is None or transaction["status"] != "successful":
        return no_transaction()
    refunded = sum(each["amount_refunded"] for each in _refunds.values() if each["transaction_id"] == number)
    amount = body.get("amount", transaction["amount"])
    if refunded + amount > transaction["amount"]:
        return failure(400, "Refund amount cannot be more than the transaction amount")
    status = {"pending refunds": "pending", "failing refunds": "failed-mpgs"}.get(_mode, "completed")
    made = {
        "id": next(_ids),
        "account_id": 73362,
        "tx_id": number,
        "transaction_id": number,
        "flw_ref": transaction["flw_ref"],
        "amount_refunded": amount,
        "status": status,
        "comment": body.get("comments", ""),
        "destination": "payment_source",
    }
    if status != "failed-mpgs":
        _refunds[made["id"]] = made
    return success(made, "Transaction refund initiated")


def list_refunds(query: dict[str, list[str]]) -> Reply:
    """Answer with the refunds of a transaction."""
    number = int(query["id"][0])
    return success([each for each in _refunds.values() if each["transaction_id"] == number])


def set_chargeback(body: dict[str, Any]) -> Reply:
    """Let the payer of a transaction claim its money back, or change how that stands."""
    transaction = _transactions[body["transaction"]]
    chargeback = {"id": 247_000 + transaction["id"] % 1000, "flw_ref": transaction["flw_ref"], "stage": "new"}
    _chargebacks[chargeback["id"]] = {**chargeback, "amount": body["amount"], "status": body["status"]}
    return success(_chargebacks[chargeback["id"]])


def list_chargebacks(query: dict[str, list[str]]) -> Reply:
    """Answer with the chargebacks of a transaction."""
    found = [each for each in _chargebacks.values() if each["flw_ref"] == query["flw_ref"][0]]
    return success(found) if found else failure(404, "No chargeback was found")


def settle(body: dict[str, Any]) -> Reply:
    """Settle transactions: pay them out, less the fees and what went back. The body may say other things."""
    settled = [_settled(_transactions[number]) for number in body.pop("transactions")]
    back = body.get("refund", 0) + body.get("chargeback", 0)
    settlement = {
        "id": next(_ids),
        "account_id": 73362,
        "merchant_name": "Boxoffice",
        "settlement_account": "0031318432",
        "due_date": f"{datetime.now(UTC):%Y-%m-%d}T00:00:00.000Z",
        "processed_date": None,
        "status": "completed",
        "currency": "NGN",
        "gross_amount": sum(each["charged_amount"] for each in settled),
        "app_fee": sum(each["app_fee"] for each in settled),
        "merchant_fee": 0,
        "chargeback": 0,
        "refund": 0,
        "stampduty_charge": 0,
        "net_amount": sum(each["settlement_amount"] for each in settled) - back,
        "transaction_count": len(settled),
        "destination": "account",
        "created_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.000Z",
        "transactions": settled,
        **body,
    }
    _settlements[settlement["id"]] = settlement
    return success(settlement)


def _settled(transaction: dict[str, Any]) -> dict[str, Any]:
    same = ("id", "tx_ref", "flw_ref", "charged_amount", "app_fee", "currency", "status")
    net = round(transaction["charged_amount"] - transaction["app_fee"], 4)
    return {name: transaction[name] for name in same} | {
        "customer_email": transaction["customer"]["email"],
        "merchant_fee": 0,
        "stampduty_charge": 0,
        "settlement_amount": net,
        "payment_entity": transaction["payment_type"],
        "transaction_date": "2019-12-30",
        "card_locale": "LOCAL",
        "rrn": "N/A",
        "subaccount_settlement": 0,
    }


def list_settlements(query: dict[str, list[str]]) -> Reply:
    """Answer with a page of settlements, the newest first, without their transactions."""
    if unknown := set(query) - {"page", "from", "to", "subaccount_id"}:
        return failure(400, f"{unknown} is not allowed")
    page, since, until = int(query.get("page", ["1"])[0]), query["from"][0], query["to"][0]
    found = [each for each in _settlements.values() if since <= each["created_at"][:10] <= until][::-1]
    shown = found[(page - 1) * _PAGE_OF_SETTLEMENTS : page * _PAGE_OF_SETTLEMENTS]
    return success(
        [{name: each[name] for name in each if name != "transactions"} for each in shown], "Settlements fetched"
    )


def get_settlement(number: int) -> Reply:
    """Answer with a settlement and its transactions."""
    settlement = _settlements.get(number)
    return success(settlement, "Settlement fetched") if settlement else failure(404, "Settlement not found")


def get_refund(number: int) -> Reply:
    """Answer with a refund, which is completed by now."""
    refund = _refunds.get(number)
    return success({**refund, "status": "completed"}) if refund else failure(404, "Refund not found")


class Handler(BaseHTTPRequestHandler):
    """Serves the API, and the requests of tests below `/_config`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        global _mode
        url = urlsplit(self.path)
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(content) if content else {}
        match url.path.strip("/").split("/"):
            case ["_config", "mode", mode]:
                _mode = mode.replace("-", " ")
                self._answer(200, {})
            case ["_config", "pay"]:
                self._answer(*pay(body))
            case ["_config", "link", reference]:
                self._answer(200, _links[reference])
            case ["_config", "chargeback"]:
                self._answer(*set_chargeback(body))
            case ["_config", "forget"]:
                _settlements.clear()
                self._answer(200, {})
            case ["_config", "settlement"]:
                self._answer(*settle(body))
            case ["_config", "requests"]:
                self._answer(200, {"requests": [*_requests]})
                _requests.clear()
            case parts:
                _requests.append(f"{self.command} {self.path}")
                self._serve_api(parts, parse_qs(url.query), body)

    def _serve_api(self, parts: list[str], query: dict[str, list[str]], body: dict[str, Any]) -> None:
        if _mode == "hangs":
            time.sleep(30)
        if _mode == "busy":
            return self._answer(429, {"status": "error", "message": "Too many requests"})
        if _mode == "error":
            return self._answer(500, {"status": "error", "message": "down"})
        if _mode == "html":
            return self._answer(200, "<h1>Bad gateway</h1>")
        if _mode == "nonsense":
            return self._answer(200, {"status": "success", "data": {"id": "x", "link": 7}})
        reply = self._reply(parts, query, body)
        if _mode == "loses answers":
            self.close_connection = True
            return self.connection.shutdown(socket.SHUT_RDWR)
        return self._answer(*reply)

    def _reply(self, parts: list[str], query: dict[str, list[str]], body: dict[str, Any]) -> Reply:  # noqa: C901, PLR0911
        if self.headers.get("Authorization") != f"Bearer {SECRET_KEY}":
            return failure(401, "Invalid authorization key")
        match [self.command, *parts]:
            case ["POST", "payments"]:
                return create_payment(body)
            case ["GET", "transactions"]:
                return list_transactions(query["tx_ref"][0])
            case ["GET", "transactions", number, "verify"]:
                return verify(int(number))
            case ["POST", "transactions", number, "refund"]:
                return refund(int(number), body)
            case ["GET", "refunds"]:
                return list_refunds(query)
            case ["GET", "chargebacks"]:
                return list_chargebacks(query)
            case ["GET", "settlements"]:
                return list_settlements(query)
            case ["GET", "settlements", number]:
                return get_settlement(int(number))
            case ["GET", "refunds", number]:
                return get_refund(int(number))
        return failure(404, "Not found")

    def _answer(self, status: int, document: Any) -> None:
        content = (document if isinstance(document, str) else json.dumps(document)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if isinstance(document, str) else "application/json")
        self.send_header("Content-Length", str(len(content)))
        if status == 429:
            self.send_header("Retry-After", "3")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Write nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
