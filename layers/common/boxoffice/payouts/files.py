"""Use cases of the files in which payouts go to the platform's bank."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from boxoffice import audit, bank_accounts, db, idempotency, platform_settings, sql
from boxoffice.audit import PLATFORM_CHAIN
from boxoffice.auth import Caller, require_admin
from boxoffice.encryption import Encrypted
from boxoffice.idempotency import IdempotentRequest
from boxoffice.ids import new_id
from boxoffice.payouts import bank_files, methods, rules
from boxoffice.payouts.bank_files import BankFile, Sender
from boxoffice.payouts.errors import AccountUnreadable, NoPayoutsToSend, PayoutFileOver, SenderUnknown
from boxoffice.payouts.models import FileRow, ListedPayout, PaperTransfer, PayoutFileRequest, PayoutFileView

SQL = sql.queries("payouts")


def create_file(conn: db.Connection, caller: Caller, request: PayoutFileRequest, key: str) -> PayoutFileView:
    """Put the approved payouts that wait for a file into a new one. Runs in autocommit.

    Raises:
        Forbidden: the caller is not an admin.
        SenderUnknown: the settings do not say from which account the platform pays.
        NoPayoutsToSend: none waits.
        KeyReused: the idempotency key belongs to another request.
    """
    require_admin(conn, caller)
    scope = idempotency.scope_of(caller, PLATFORM_CHAIN)
    idempotent = IdempotentRequest.of("create_payout_file", scope, key, request)
    return idempotency.run_once(
        conn, idempotent, lambda: _create(conn, caller, request, idempotent), PayoutFileView.model_validate
    )


def _create(
    conn: db.Connection, caller: Caller, request: PayoutFileRequest, idempotent: IdempotentRequest
) -> PayoutFileView:
    with conn.transaction():
        is_sepa = request.format == "pain.001"
        if is_sepa:
            _get_sender(conn)
        wanted = {"currency": request.currency, "countries": bank_accounts.SEPA_COUNTRIES if is_sepa else None}
        ids = db.values(conn, SQL.lock_payouts_to_send, most=rules.MOST_IN_FILE, **wanted)
        if not ids:
            raise NoPayoutsToSend
        file = {"id": new_id(), **request.model_dump(), "created_at": datetime.now(UTC)}
        db.run(conn, SQL.insert_file, created_by=caller.account, **file)
        db.run(conn, SQL.put_in_file, file_id=file["id"], ids=ids)
        view = PayoutFileView(**file, **db.exactly_one(conn, dict, SQL.sum_file, file_id=file["id"]))
        idempotency.store(conn, idempotent, view.model_dump(mode="json"))
        facts = view.model_dump(mode="json", include={"format", "currency", "payouts", "total"})
        audit.record(conn, caller, "create_payout_file", f"payout file {view.id}", **facts)
    return view


def get_file(conn: db.Connection, caller: Caller, file_id: UUID) -> BankFile:
    """Return a file for the bank, with the account numbers of its payouts that are not sent or rejected yet.

    Raises:
        Forbidden: the caller is not an admin.
        NotFound: there is no such file.
        PayoutFileOver: none of its payouts is left.
        SenderUnknown: the settings do not say from which account the platform pays.
        AccountUnreadable: an account number cannot be decrypted.
    """
    require_admin(conn, caller)
    file = db.get(conn, FileRow, SQL.get_file, id=file_id)
    payouts = db.many(conn, ListedPayout, SQL.list_payouts_of_file, file_id=file_id)
    if not payouts:
        raise PayoutFileOver
    transfers = _transfers_of(payouts)
    content = (
        bank_files.sepa(file, _get_sender(conn), transfers) if file.format == "pain.001" else bank_files.csv(transfers)
    )
    audit.record(conn, caller, "get_payout_file", f"payout file {file_id}", payouts=len(payouts))
    return content


def _transfers_of(payouts: Sequence[ListedPayout]) -> list[PaperTransfer]:
    """Return payouts with the numbers of their accounts.

    Raises:
        AccountUnreadable: one cannot be decrypted.
    """
    transfers = []
    for payout in payouts:
        encrypted = Encrypted(payout.key_id, payout.account)
        number = methods.decrypted(payout.organisation_id, payout.method_id, encrypted)
        if number is None:
            raise AccountUnreadable(payout_id=payout.id)
        transfers.append(PaperTransfer(payout, number))
    return transfers


def _get_sender(conn: db.Connection) -> Sender:
    """Return whose account the platform pays from.

    Raises:
        SenderUnknown: the settings do not say so.
    """
    settings = platform_settings.current(conn)
    if settings.payout_sender_name is None or settings.payout_sender_iban is None:
        raise SenderUnknown
    return Sender(settings.payout_sender_name, settings.payout_sender_iban)
