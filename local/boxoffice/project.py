"""Declares Boxoffice to the local stack: what it needs to know besides the template."""

from __future__ import annotations

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
        "DATABASE_URL": "{database_url}",
        "DATABASE_SECRET": "",  # the URL has the password
        "OWNER_SECRET": "",
    },
    secrets={"SandboxKeys": {"url": "{url}" + sandbox.PATH}},
    email_senders=[EMAIL_SENDER],
    preload=["boxoffice"],
    preload_clients=["secretsmanager", "sqs", "sesv2", "sns"],
    pages=[pages.emails, sandbox.payments, pages.shop, pages.accounts],
    database=Database("boxoffice", role="boxoffice_api", set_up=migrate),
)
