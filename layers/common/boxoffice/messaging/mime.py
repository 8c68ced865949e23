"""An email's content as a MIME message: plain text, and HTML with its pictures inside."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from uuid import UUID

from boxoffice.messaging.models import Content, Email
from boxoffice.messaging.rules import ascii_address


def email_of(message_id: UUID, recipient: str, content: Content, sender: str, now: datetime) -> Email:
    """The email as it is handed over, in ASCII throughout (RFC 5322, 2045, 2387).

    Its Message-ID is made of the outbox id, so that a second copy is known for what it is. SES puts an id of its own in
    the place of ours, which X-Outbox-Id outlives.

    Raises:
        ValueError, HeaderParseError: the recipient is no address that SES delivers to.
    """
    to = Address(addr_spec=ascii_address(recipient))
    name, address = parseaddr(sender)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(name, addr_spec=address)
    mail["To"] = to
    mail["Subject"] = content.subject
    mail["Date"] = now
    mail["Message-ID"] = f"<{message_id}@{address.rpartition('@')[2]}>"
    mail["X-Outbox-Id"] = str(message_id)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notices in return
    _fill(mail, content)
    return Email(to.addr_spec, mail.as_bytes())


def _fill(mail: EmailMessage, content: Content) -> None:
    mail.set_content(content.text, cte="quoted-printable")
    mail.add_alternative(content.html, subtype="html", cte="quoted-printable")
    _, html = mail.iter_parts()
    for image in content.images:
        html.add_related(
            image.png, "image", "png", cid=f"<{image.content_id}>", filename=image.name, disposition="inline"
        )
