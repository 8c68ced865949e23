"""Secrets Manager's rotation: what was signed stays valid, and what is signed next was known everywhere before."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
import psycopg
import pytest

from boxoffice import config, db, migrations, signing
from boxoffice.platform import vault
from boxoffice.platform.errors import NotRotatable, RotationOutdated
from local.stack.postgres import Server
from local.stack.state import free_port
from tests.helpers.rings import KeyRing
from tests.helpers.rotations import STEPS, announce, labels, rotate, step


@pytest.fixture
def ring(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyRing]:
    """Return a ring of the test's own, which signs access tokens."""
    ring = KeyRing()
    monkeypatch.setenv("TOKEN_KEYS_SECRET", ring.id)
    monkeypatch.setenv("EMAIL_QUEUE_URL", "not used")
    monkeypatch.setenv("DATABASE_URL", "not used")
    config.settings.cache_clear()
    yield ring
    config.settings.cache_clear()


def value(secret_id: str) -> dict[str, str]:
    """Return the fields of a secret, as readers get them."""
    config.forget_secrets()
    return config.secret(secret_id)


class TestRings:
    def test_the_first_rotation_adds_the_next_key_alone(self, ring: KeyRing) -> None:
        rotate(ring.id)

        fields = value(ring.id)
        assert fields.keys() == {"current", "1", "2"}
        assert (fields["current"], fields["1"]) == ("1", ring.keys["1"])

    def test_a_key_signs_one_rotation_after_it_came(self, ring: KeyRing) -> None:
        rotate(ring.id)
        token = signing.token(ring.id, "order", b"message")
        second = value(ring.id)["2"]

        rotate(ring.id)

        fields = value(ring.id)
        assert (fields["current"], fields["2"]) == ("2", second)
        assert fields.keys() == {"current", "1", "2", "3"}
        assert signing.is_token(ring.id, "order", b"message", token)

    def test_keys_are_random_and_long(self, ring: KeyRing) -> None:
        rotate(ring.id)
        rotate(ring.id)

        second, third = (value(ring.id)[name] for name in "23")
        assert second != third
        assert len(second) == len(third) == 64

    def test_an_environment_takes_what_the_new_key_signs_without_reading_the_ring_again(
        self, ring: KeyRing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rotate(ring.id)
        known = value(ring.id)
        rotate(ring.id)
        config.forget_secrets()
        token = signing.token(ring.id, "order", b"message")
        assert token.startswith("2.")

        monkeypatch.setattr(config, "_secrets", {ring.id: (time.monotonic(), known)})
        monkeypatch.setattr(config, "_fetch", lambda _: pytest.fail("the ring is read again"))

        assert signing.is_token(ring.id, "order", b"message", token)

    def test_the_versions_end_with_the_labels_that_secrets_manager_wants(self, ring: KeyRing) -> None:
        (first,) = labels(ring.id)

        token = rotate(ring.id)

        assert labels(ring.id) == {first: ["AWSPREVIOUS"], token: ["AWSCURRENT"]}

    def test_each_step_may_be_repeated(self, ring: KeyRing) -> None:
        token = announce(ring.id)
        seen = []
        for name in STEPS:
            for _ in range(2):
                step(name, ring.id, token)
                seen.append(vault.current(ring.id).fields["current"])

        assert value(ring.id).keys() == {"current", "1", "2"}
        assert set(seen) == {"1"}

    def test_an_old_key_of_access_tokens_goes_when_no_token_of_it_can_be_valid(
        self, ring: KeyRing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A token lives for a quarter of an hour, an hour more is for slow environments."""
        finish(monkeypatch, datetime.now(UTC) - timedelta(minutes=74))
        rotate(ring.id)
        rotate(ring.id)
        rotate(ring.id)
        assert value(ring.id).keys() == {"current", "1", "2", "3", "4"}

        finish(monkeypatch, datetime.now(UTC) - timedelta(minutes=76))
        rotate(ring.id)

        assert value(ring.id).keys() == {"current", "3", "4", "5"}

    def test_old_keys_of_tickets_stay(self, ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TOKEN_KEYS_SECRET", "token-keys")
        monkeypatch.setenv("TICKET_KEYS_SECRET", ring.id)
        config.settings.cache_clear()
        finish(monkeypatch, datetime.now(UTC) - timedelta(days=1000))

        for _ in range(3):
            rotate(ring.id)

        assert value(ring.id).keys() == {"current", "1", "2", "3", "4"}

    def test_a_change_meanwhile_ends_the_rotation(self, ring: KeyRing) -> None:
        token = announce(ring.id)
        step("createSecret", ring.id, token)
        ring.rotate()  # by hand, with a key that the rotation does not know

        for name in ("testSecret", "finishSecret"):
            with pytest.raises((RotationOutdated, NotRotatable)):
                step(name, ring.id, token)

        assert value(ring.id) == {"current": "2", **ring.keys}
        assert "AWSPENDING" not in str(labels(ring.id))
        rotate(ring.id)
        assert value(ring.id).keys() == {"current", "1", "2", "3"}

    def test_a_change_at_the_last_moment_ends_the_rotation(
        self, ring: KeyRing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token = announce(ring.id)
        step("createSecret", ring.id, token)
        make_current = vault.make_current

        def late(*args: Any, **kwargs: Any) -> None:
            ring.rotate()
            make_current(*args, **kwargs)

        monkeypatch.setattr(vault, "make_current", late)
        with pytest.raises(RotationOutdated):
            step("finishSecret", ring.id, token)

        assert value(ring.id) == {"current": "2", **ring.keys}

    def test_a_test_of_the_schedule_changes_nothing(self, ring: KeyRing) -> None:
        """With RotateImmediately false, Secrets Manager copies the secret and runs testSecret alone."""
        before = value(ring.id)
        boto3.client("secretsmanager").put_secret_value(
            SecretId=ring.id, SecretString=json.dumps(before), VersionStages=["AWSPENDING"], ClientRequestToken="t" * 32
        )

        step("testSecret", ring.id, "t" * 32)

        assert value(ring.id) == before

    @pytest.mark.parametrize("name", STEPS)
    def test_a_version_that_was_not_announced_is_refused(self, ring: KeyRing, name: str) -> None:
        with pytest.raises(NotRotatable):
            step(name, ring.id, "3a1c9a52-6c54-4a0e-a0f2-1d5c2f1e7b10")

    @pytest.mark.parametrize("name", STEPS[1:])
    def test_a_step_before_the_first_is_refused(self, ring: KeyRing, name: str) -> None:
        with pytest.raises(NotRotatable):
            step(name, ring.id, announce(ring.id))

    def test_other_secrets_are_refused(self, ring: KeyRing) -> None:
        with pytest.raises(NotRotatable):
            step("createSecret", "stripe", "3a1c9a52-6c54-4a0e-a0f2-1d5c2f1e7b10")


def finish(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    """Let the last rotation have ended at a moment, as Secrets Manager tells it."""
    real = vault.versions_of
    monkeypatch.setattr(vault, "versions_of", lambda secret_id: vault.Versions(real(secret_id).labels, at))


@pytest.fixture(scope="module")
def guarded() -> Iterator[Server]:
    """Run a server that asks for passwords."""
    with TemporaryDirectory() as folder:
        options = {"fsync": "off", "synchronous_commit": "off"}
        with Server(Path(folder) / "data", free_port(), password="owner", options=options) as server:
            server.ensure_database("guarded")
            yield server


@pytest.fixture
def login(guarded: Server, aws_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Let the functions log in to the server with a password from a secret. Yield the secret's name."""
    name = f"login-{id(monkeypatch)}"
    first = {"username": "boxoffice_api", "password": "the first"}
    secrets = boto3.client("secretsmanager")
    secrets.create_secret(Name=name, SecretString=json.dumps(first))
    owner = guarded.url("guarded")
    migrations.apply(owner, api_login=first)
    monkeypatch.setenv("DATABASE_SECRET", name)
    monkeypatch.setenv("DATABASE_URL", f"postgresql://127.0.0.1:{guarded.port}/guarded")
    monkeypatch.setenv("DATABASE_OWNER_URL", owner)
    monkeypatch.setenv("EMAIL_QUEUE_URL", "not used")
    config.settings.cache_clear()
    config.forget_secrets()
    db.disconnect()
    yield name
    db.disconnect()
    config.settings.cache_clear()
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def user() -> str:
    """Return the user as whom the functions are connected."""
    with db.autocommit() as conn:
        row = conn.execute("SELECT current_user").fetchone()
    assert row is not None
    return str(row[0])


def can_log_in(fields: dict[str, str]) -> bool:
    try:
        with psycopg.connect(config.log_in(config.settings().database_url, fields)):
            return True
    except psycopg.OperationalError:
        return False


class TestLogin:
    def test_the_users_alternate_and_the_former_one_can_still_log_in(self, login: str) -> None:
        first = value(login)
        rotate(login)
        second = value(login)
        assert (second["username"], first["username"]) == ("boxoffice_api_2", "boxoffice_api")
        assert can_log_in(first)
        assert can_log_in(second)

        rotate(login)

        third = value(login)
        assert third["username"] == "boxoffice_api"
        assert not can_log_in(first)
        assert can_log_in(second)
        assert can_log_in(third)

    def test_connections_in_use_survive(self, login: str) -> None:
        with db.autocommit() as conn:
            pid = conn.info.backend_pid
            for _ in range(2):
                rotate(login)
            assert conn.execute("SELECT 1").fetchone() == (1,)
        with db.autocommit() as conn:
            assert conn.info.backend_pid == pid

    def test_an_environment_reads_the_new_login_when_its_own_is_refused(
        self, login: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert user() == "boxoffice_api"
        cached = config.secret(login)
        for _ in range(2):
            rotate(login)
        assert config.secret(login) == cached
        assert not can_log_in(cached)
        monkeypatch.setattr(config, "_FRESH_LIFETIME", -1)  # ten seconds have passed
        db.disconnect()

        assert user() == "boxoffice_api"

    def test_the_second_user_has_the_rights_and_limits_of_the_first(self, login: str) -> None:
        rotate(login)
        config.forget_secrets()
        db.disconnect()

        assert user() == "boxoffice_api_2"
        with db.autocommit() as conn:
            assert conn.execute("SHOW statement_timeout").fetchone() == ("10s",)
            assert conn.execute("SHOW TimeZone").fetchone() == ("UTC",)
            conn.execute("INSERT INTO rate_limits (bucket, attempts, resets_at) VALUES ('b', 1, now())")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute("UPDATE migrations SET digest = ''")
            conn.execute("DELETE FROM rate_limits")

    @pytest.mark.parametrize("after", range(5))
    def test_a_deployment_at_any_moment_shuts_nobody_out(self, login: str, after: int) -> None:
        """The migrations set the password of the current secret again."""
        token = announce(login)
        for number, name in enumerate(STEPS):
            if number == after:
                migrations.apply(config.owner_conninfo(), api_login=value(login))
            step(name, login, token)
            assert can_log_in(value(login)), name
        if after == len(STEPS):
            migrations.apply(config.owner_conninfo(), api_login=value(login))

        assert can_log_in(value(login))

    def test_a_rotation_that_dies_anywhere_shuts_nobody_out(self, login: str) -> None:
        """A repeat begins with the first step, as Secrets Manager does."""
        token = announce(login)
        for last in range(len(STEPS)):
            for name in STEPS[: last + 1]:
                step(name, login, token)
                assert can_log_in(value(login))

        assert value(login)["username"] == "boxoffice_api_2"

    def test_a_password_that_does_not_work_never_becomes_current(
        self, login: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before, token = value(login), announce(login)
        step("createSecret", login, token)  # and setSecret does not happen

        with pytest.raises(psycopg.OperationalError) as raised:
            step("testSecret", login, token)

        assert value(login) == before
        pending = vault.pending(login, token)
        assert pending is not None
        assert pending.fields["password"] not in str(raised.value)

    def test_the_server_never_sees_a_password(self, login: str, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[str] = []
        execute = psycopg.Connection.execute

        def listen(conn: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append(query if isinstance(query, str) else query.as_string(conn))
            return execute(conn, query, *args, **kwargs)

        monkeypatch.setattr(psycopg.Connection, "execute", listen)
        rotate(login)

        assert any("ALTER ROLE" in each and "SCRAM-SHA-256$" in each for each in seen)
        assert not any(value(login)["password"] in each for each in seen)
