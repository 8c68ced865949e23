"""Declares Boxoffice to the local stack: what it needs to know besides the template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from local.boxoffice import ROOT, pages
from local.boxoffice.sandbox import server as sandbox
from local.stack.project import Database, Project
from local.stack.sam_local import ARCHITECTURE

EMAIL_SENDER = "tickets@example.com"


def migrate(owner_url: str, api_password: str) -> None:
    """Apply the missing migrations. If none is missing, this costs an import and a few queries."""
    from boxoffice import migrations

    login = {"username": migrations.API_ROLE, "password": api_password}
    migrations.apply(owner_url, api_login=login)


BOXOFFICE = Project(
    template=ROOT / "template.yaml",
    parameters={
        "Architecture": ARCHITECTURE,
        "AutoApproveOrganisations": "true",
        "EmailSender": EMAIL_SENDER,
        "PublicUrl": "{url}",
        "SecretsExtension": "false",
        "VerifyEmails": "false",  # so that whoever tries the stack signs up in one step
    },
    variables={
        "STAGE": "local",
        "PUBLIC_URL": "{url}",
        "API_URL": "{url}",
        "PICTURES_URL": "{url}",
        "DATABASE_URL": "{database_url}",
        "DATABASE_SECRET": "",  # the URL has the password
        "OWNER_SECRET": "",
    },
    secrets={"SandboxKeys": {"url": "{url}" + sandbox.PATH}},
    email_senders=[EMAIL_SENDER],
    preload=["boxoffice"],
    preload_clients=["secretsmanager", "sqs", "sesv2", "sns", "s3"],
    pages=[pages.start, pages.document, pages.emails, sandbox.payments, pages.shop, pages.pictures],
    inbox=pages.EMAILS,
    database=Database("boxoffice", role="boxoffice_api", set_up=migrate),
)

GOOGLE = {
    "client_id": "GOOGLE_CLIENT_ID",
    "client_secret": "GOOGLE_CLIENT_SECRET",
    "redirect_uri": "GOOGLE_REDIRECT_URI",
}


class UnknownSetting(Exception):
    """A variable of the developer's environment has a value that means nothing."""


def keys() -> dict[str, dict[str, str]]:
    """Return the fields of secrets by the environment variables that fill them in."""
    from boxoffice.payments import providers
    from boxoffice.provider_names import PROVIDERS

    infos = [providers.load(name).INFO for name in PROVIDERS]
    accounts = {
        f"{info.name.title()}Keys": {field: f"{info.name}_{field}".upper() for field in info.account_fields}
        for info in infos
    }
    return {**accounts, "GoogleClient": GOOGLE}


def configured(environ: Mapping[str, str]) -> Project:
    """Return the project as the developer's environment wants it: the shop's address, providers, and their keys.

    Raises:
        UnknownSetting: a provider or an address is none.
    """
    from boxoffice.provider_names import PROVIDERS

    parameters, variables = dict(BOXOFFICE.parameters), dict(BOXOFFICE.variables)
    if public_url := environ.get("PUBLIC_URL"):
        if not public_url.startswith(("http://", "https://")) or public_url.endswith("/"):
            raise UnknownSetting(f"PUBLIC_URL must be like http://127.0.0.1:5173, not {public_url!r}")
        parameters["PublicUrl"] = variables["PUBLIC_URL"] = public_url
    if providers := environ.get("PAYMENT_PROVIDERS"):
        if unknown := set(providers.split(",")) - {*PROVIDERS}:
            raise UnknownSetting(f"PAYMENT_PROVIDERS lists some of {', '.join(PROVIDERS)}, not {min(unknown)!r}")
        variables["PAYMENT_PROVIDERS"] = providers
    if environ.get("GOOGLE_CLIENT_ID"):
        variables["GOOGLE_LOG_IN"] = "true"
    filled = {
        name: {field: environ[variable] for field, variable in fields.items() if environ.get(variable)}
        for name, fields in keys().items()
    }
    secrets = {name: fields for name, fields in filled.items() if fields}
    return replace(BOXOFFICE, parameters=parameters, variables=variables, secrets={**BOXOFFICE.secrets, **secrets})
