"""The rotation of secrets, as Secrets Manager asks for it: four steps, each of which it may repeat.

1. createSecret writes the new version, with the label AWSPENDING.
2. setSecret puts it to use elsewhere: the database gets the new password.
3. testSecret tries it.
4. finishSecret moves the label AWSCURRENT to it, so that readers get it.

A key ring gets its next key. The log-in to the database changes to the other one of two users, whose password is new.
Whoever has the former log-in can use it until the next rotation.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.md
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from boxoffice import config, db, migrations, one_time, sql
from boxoffice.access_tokens import ACCESS_LIFETIME
from boxoffice.config import settings
from boxoffice.platform import rules, vault
from boxoffice.platform.errors import NotRotatable, RotationOutdated
from boxoffice.platform.vault import CURRENT, PENDING, ChangedMeanwhile, Version, Versions

SQL = sql.queries("platform")


@dataclass(frozen=True)
class _Kind:
    """How a kind of secret is rotated.

    Attributes:
        make: makes the fields of the new version from those of the current one.
        apply: puts the new fields to use elsewhere. It may be repeated.
        check: raises if the new fields do not work.
        follows: returns True if the new fields, its first argument, were made from the current ones, or are these.
    """

    make: Callable[[dict[str, str], Versions], dict[str, str]]
    apply: Callable[[dict[str, str]], None]
    check: Callable[[dict[str, str]], None]
    follows: Callable[[dict[str, str], dict[str, str]], bool]


def run_step(step: str, secret_id: str, version_id: str) -> None:
    """Run a step of a rotation.

    Args:
        step: ``createSecret``, ``setSecret``, ``testSecret`` or ``finishSecret``.
        secret_id: the secret's ARN or name.
        version_id: the version that the rotation makes.

    Raises:
        NotRotatable: the secret is none of those that rotate, or Secrets Manager has not announced the version.
        RotationOutdated: the secret was changed since the rotation began. The rotation has ended.
    """
    kind = _kind_of(secret_id)
    versions = vault.versions_of(secret_id)
    labels = versions.labels.get(version_id, [])
    if CURRENT in labels:  # an earlier call has finished the rotation
        if PENDING in labels:
            vault.end_pending(secret_id, version_id)
    elif PENDING in labels:
        _STEPS[step](kind, secret_id, version_id, versions)
    else:
        raise NotRotatable(f"version {version_id} of {secret_id} is not pending")


def _create(kind: _Kind, secret_id: str, version_id: str, versions: Versions) -> None:
    if vault.pending(secret_id, version_id) is None:
        vault.put(secret_id, version_id, kind.make(vault.current(secret_id).fields, versions), PENDING)


def _set(kind: _Kind, secret_id: str, version_id: str, _versions: Versions) -> None:
    _, new = _current_and_new(kind, secret_id, version_id)
    kind.apply(new.fields)


def _test(kind: _Kind, secret_id: str, version_id: str, _versions: Versions) -> None:
    _, new = _current_and_new(kind, secret_id, version_id)
    kind.check(new.fields)


def _finish(kind: _Kind, secret_id: str, version_id: str, _versions: Versions) -> None:
    current, new = _current_and_new(kind, secret_id, version_id)
    try:
        vault.make_current(secret_id, new.id, replaced=current.id)
    except ChangedMeanwhile as error:
        raise RotationOutdated from error  # a repeat of the step ends the rotation
    vault.end_pending(secret_id, version_id)


_STEPS = {"createSecret": _create, "setSecret": _set, "testSecret": _test, "finishSecret": _finish}


def _current_and_new(kind: _Kind, secret_id: str, version_id: str) -> tuple[Version, Version]:
    """Return the current version, and the new one that was made from it.

    Raises:
        NotRotatable: the new one has no value yet.
        RotationOutdated: the new one was made from another version, such as one from before a withdrawal.
    """
    current, new = vault.current(secret_id), vault.pending(secret_id, version_id)
    if new is None:
        raise NotRotatable(f"version {version_id} of {secret_id} has no value")
    if not kind.follows(new.fields, current.fields):
        vault.end_pending(secret_id, version_id)
        raise RotationOutdated
    return current, new


def _kind_of(secret_id: str) -> _Kind:
    config_of = settings()
    lifetimes = {
        config_of.token_keys_secret: ACCESS_LIFETIME,
        config_of.code_keys_secret: one_time.LONGEST,
        config_of.ticket_keys_secret: None,
        config_of.link_keys_secret: None,
        config_of.data_keys_secret: None,
    }
    if secret_id in lifetimes:
        return _key_ring(lifetimes[secret_id])
    if secret_id == config_of.database_secret:
        return _LOGIN
    raise NotRotatable(secret_id)


# ------------------------------------------------------------------------------------------------------ key rings


def _key_ring(lifetime: timedelta | None) -> _Kind:
    """Return how a ring is rotated, if what it signs is valid for a time; None for ever."""

    def make(ring: dict[str, str], versions: Versions) -> dict[str, str]:
        drop_old = rules.may_drop_old(versions.rotated_at, lifetime, datetime.now(UTC))
        return rules.rotate_ring(ring, vault.new_key(), drop_old=drop_old)

    return _Kind(make, apply=_do_nothing, check=_do_nothing, follows=rules.is_rotation_of)


def _do_nothing(_: dict[str, str]) -> None:
    """Do nothing: a key ring is used by its readers alone, and `follows` has checked it."""


# ------------------------------------------------------------------------------------------------------- the log-in


def _make_login(login: dict[str, str], _: Versions) -> dict[str, str]:
    first, second = migrations.API_USERS
    return {**login, "username": second if login["username"] == first else first, "password": secrets.token_urlsafe(30)}


def _set_password(login: dict[str, str]) -> None:
    migrations.set_password(config.owner_conninfo(), login)


def _log_in(login: dict[str, str]) -> None:
    """Log in and read, as the functions do."""
    with db.Connection.connect(config.log_in(settings().database_url, login), autocommit=True) as conn:
        db.value(conn, SQL.get_email_backlog)


def _is_other_user(new: dict[str, str], login: dict[str, str]) -> bool:
    return new == login or {*migrations.API_USERS} == {new["username"], login["username"]}


_LOGIN = _Kind(_make_login, _set_password, _log_in, _is_other_user)
