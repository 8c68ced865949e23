"""Fixtures of all tests. A session has one PostgreSQL and one AWS server (moto's), and each test its own database."""

import json
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from boxoffice import config, credentials, db, migrations, platform_settings
from tests.helpers import mailbox
from tests.helpers.challenges import Challenges, challenges_at
from tests.helpers.conformance import Coverage
from tests.helpers.google import CLIENT, SECRET_ID, Google, google_at
from tests.helpers.locks import refuse_misplaced_locks
from tests.helpers.log_watch import LogWatch, people_in
from tests.helpers.payers import ACCOUNTS_AT_PROVIDERS, INFOS
from tests.helpers.provider_servers import Flutterwave, Sandbox, Stripe, account_at
from tests.helpers.secret_marks import MARK, secrets_in
from tests.helpers.support import Client, Database, Postgres, all_functions, free_port

KEY_RINGS = {
    f"{ring.upper()}_KEYS_SECRET": f"{ring}-keys" for ring in ("token", "ticket", "link", "code", "data", "edge")
}
PROVIDER_SECRETS = {f"{info.name.upper()}_SECRET": info.name for info in INFOS}

ENVIRONMENT = {
    "STAGE": "local",
    "BCRYPT_COST": "4",
    "BLOCK_DISPUTED_TICKETS": "false",
    "GOOGLE_CLIENT_SECRET": SECRET_ID,
    "GOOGLE_LOG_IN": "true",
    "HOLD_MINUTES": "15",
    "AUTO_APPROVE_ORGANISATIONS": "true",
    "VERIFY_EMAILS": "false",
    "CHALLENGE_PROVIDER": "",
    "CHALLENGE_SITE_KEY": "",
    "CHALLENGE_SECRET": "challenge",
    "EMAIL_CONFIGURATION_SET": "",
    "EMAIL_SENDER": "Boxoffice <tickets@example.com>",
    "REFUND_QUEUE_URL": "",
    "EXPORT_QUEUE_URL": "",
    "FILES_BUCKET": "files",
    "MEDIA_BUCKET": "media",
    "UPLOAD_QUEUE_URL": "",
    "PICTURES_URL": "https://pictures.example.com",
    "PICTURE_STORAGE": "s3",
    "CLOUDINARY_SECRET": "cloudinary",
    "SMS_QUEUE_URL": "",
    "WEBHOOK_QUEUE_URL": "",
    "SMS_SENDER_ID": "",
    "SMS_ORIGINATION_NUMBER": "",
    "SMS_MAX_PRICE": "0.30",
    "PUBLIC_URL": "http://127.0.0.1:3000",
    "API_URL": "https://api.example.com",
    "PAYMENT_PROVIDERS": ",".join(info.name for info in INFOS),
    "POWERTOOLS_LOG_LEVEL": "WARNING",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    **KEY_RINGS,
    **PROVIDER_SECRETS,
}
os.environ.update(ENVIRONMENT)  # before a function is imported, as in Lambda
refuse_misplaced_locks()


def pytest_configure(config: pytest.Config) -> None:
    """List at the end the answers that the document declares and no test got."""
    config.pluginmanager.register(Coverage())


FIRST = ("stateful", "faults", "concurrency")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the tests that take minutes first, so that nobody waits for them at the end.

    Next come those that fork processes to kill them. A fork copies the tables of this process's memory, which grows
    with the libraries of other tests.
    """
    items.sort(key=lambda item: next((n for n, folder in enumerate(FIRST) if folder in item.path.parts), len(FIRST)))


@pytest.fixture(scope="session")
def log_watch() -> Iterator[LogWatch]:
    """Read all logs of this process."""
    watch = LogWatch()
    logging.getLogger().addHandler(watch)
    yield watch
    logging.getLogger().removeHandler(watch)


@pytest.fixture(autouse=True)
def no_people_in_logs(log_watch: LogWatch) -> Iterator[None]:
    """Check that no test lets a handler or a job log data of people, or a secret."""
    log_watch.take()
    yield
    lines = log_watch.take()
    found = people_in(lines) + [f"a secret: {line}" for line in lines if secrets_in(line)]
    assert not found, "logs have neither data of people nor secrets: " + "\n".join(found)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Run a server whose template database has all migrations.

    Its data lies in memory if there is enough, since each test copies a database: on a disk that takes thirty times as
    long. It is in no directory of pytest's, since the next run would shut the server's user out of that.
    """
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > 4 << 30
    with TemporaryDirectory(dir=memory if has_room else None) as directory, Postgres(Path(directory)) as server:
        server.create("template")
        migrations.apply(server.url("template"), api_login={"username": "boxoffice_api", "password": "api"})
        yield server


@pytest.fixture
def database(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Make a database, which the functions are configured to use, and empty all inboxes.

    Guests may have more than most tests need.
    """
    mailbox.empty_inboxes()
    for budget in (platform_settings.GUEST_UNPAID, platform_settings.GUEST_FREE):
        monkeypatch.setitem(budget, "network_least", 10_000)
        monkeypatch.setitem(budget, "network_most", 10_000)
        monkeypatch.setitem(budget, "mailbox_most", 10_000)
    with postgres.clone() as database:
        monkeypatch.setenv("DATABASE_URL", database.api_url)
        config.settings.cache_clear()
        credentials.forget()
        platform_settings.forget()
        yield database
        db.disconnect()
        config.settings.cache_clear()


@pytest.fixture
def conn(database: Database) -> Iterator[db.Connection]:
    """Connect as the functions' role, in autocommit. Effects that follow a commit do not run."""
    with db.Connection.connect(database.api_url, autocommit=True) as conn:
        yield conn


@pytest.fixture(scope="session")
def aws_url() -> Iterator[str]:
    """Run moto's server, with our secrets in it. Yield its URL."""
    import boto3
    from moto.server import ThreadedMotoServer

    port = free_port()
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    os.environ["AWS_ENDPOINT_URL"] = url = f"http://127.0.0.1:{port}"
    secrets = boto3.client("secretsmanager")
    for name in {*KEY_RINGS.values(), *PROVIDER_SECRETS.values()} - ACCOUNTS_AT_PROVIDERS.keys():
        secrets.create_secret(
            Name=name, SecretString=json.dumps({"current": "1", "1": f"{name} is {MARK}, long enough to sign with"})
        )
    for name, account in (ACCOUNTS_AT_PROVIDERS | {SECRET_ID: CLIENT}).items():
        secrets.create_secret(Name=name, SecretString=json.dumps(account))
    for bucket in ("files", "media"):
        boto3.client("s3").create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": os.environ["AWS_DEFAULT_REGION"]}
        )
    boto3.client("sesv2").create_email_identity(EmailIdentity="example.com")
    for kind in ("export", "sms", "webhook"):
        url_of_queue = boto3.client("sqs").create_queue(QueueName=kind)["QueueUrl"]
        os.environ[f"{kind.upper()}_QUEUE_URL"] = url_of_queue
    yield url
    server.stop()


@pytest.fixture
def email_queue(aws_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Make an email queue for the test. Yield its URL."""
    import boto3

    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName=f"email-{abs(hash(request.node.nodeid))}")["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def api(database: Database, email_queue: str, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Return a client that calls the functions through their Lambda handlers."""
    monkeypatch.setenv("EMAIL_QUEUE_URL", email_queue)
    config.settings.cache_clear()
    all_functions()
    return Client()


@pytest.fixture
def verifying(api: Client, conn: db.Connection) -> None:
    """Let the platform make accounts only once their addresses are confirmed."""
    conn.execute("INSERT INTO platform_settings (name, value) VALUES ('verify_emails', 'true')")
    platform_settings.forget()


@pytest.fixture(scope="session")
def stripe_server() -> Iterator[Stripe]:
    """Run a stub of Stripe."""
    server = Stripe()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def flutterwave_server() -> Iterator[Flutterwave]:
    """Run a stub of Flutterwave."""
    server = Flutterwave()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sandbox_server(aws_url: str) -> Iterator[Sandbox]:
    """Run the sandbox with its memory. It reads the key of its webhooks as the functions do."""
    with TemporaryDirectory() as folder:
        server = Sandbox(Path(folder))
        yield server
        server.stop()


@pytest.fixture(scope="session")
def google_server() -> Iterator[Google]:
    """Run a stub of Google."""
    server = Google()
    yield server
    server.stop()


@pytest.fixture
def google(api: Client, google_server: Google) -> Iterator[Google]:
    """Let log-in with Google go to the stub."""
    with google_at(google_server):
        yield google_server


@pytest.fixture(scope="session")
def challenge_server() -> Iterator[Challenges]:
    """Run a stub of a provider of challenges."""
    server = Challenges()
    yield server
    server.stop()


@pytest.fixture
def challenges(api: Client, challenge_server: Challenges, monkeypatch: pytest.MonkeyPatch) -> Iterator[Challenges]:
    """Let the deployment have challenges, at the stub."""
    with challenges_at(challenge_server, monkeypatch):
        yield challenge_server


@pytest.fixture
def stripe(api: Client, stripe_server: Stripe) -> Iterator[Stripe]:
    """Let the deployment's account be at the stub of Stripe, which sends webhooks to nobody."""
    with account_at(stripe_server):
        stripe_server.send_webhooks_to(None)
        yield stripe_server


@pytest.fixture
def flutterwave(api: Client, flutterwave_server: Flutterwave) -> Iterator[Flutterwave]:
    """Let the deployment's account be at the stub of Flutterwave."""
    with account_at(flutterwave_server):
        yield flutterwave_server


@pytest.fixture
def sandbox(api: Client, sandbox_server: Sandbox) -> Iterator[Sandbox]:
    """Let the sandbox have a server with a memory. Without this fixture only webhooks tell what became of payments."""
    with account_at(sandbox_server):
        yield sandbox_server


@pytest.fixture
def root() -> Path:
    """Return the root of the repository."""
    return Path(__file__).parent.parent
