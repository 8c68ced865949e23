"""Puts the certificates of the CAs that sign for Amazon RDS into the layer, so that functions can verify Aurora.

    python rds_certificates.py SOURCE FOLDER

SOURCE is AWS's address of the bundle for all regions, or a file. AWS adds CAs to it with new regions, so it has no
fixed digest: HTTPS proves where it comes from. Each region gets a file of its own, since to read all of them would take
a cold start longer than everything else about the connection.
"""

import re
import ssl
import sys
from collections import defaultdict
from pathlib import Path
from urllib.request import urlopen

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\n.*?\n-----END CERTIFICATE-----\n", re.DOTALL)
_REGION = re.compile(r"Amazon RDS ([a-z]{2}(?:-[a-z]+)+-\d+) ")


def main() -> None:
    """Write the files of all regions, or end with an error."""
    source, folder = sys.argv[1], Path(sys.argv[2])
    try:
        bundles = by_region(read(source))
    except (OSError, ValueError) as error:
        sys.exit(f"no certificates of Amazon RDS from {source}: {error}. RDS_CERTIFICATES=FILE names another source.")
    folder.mkdir(parents=True, exist_ok=True)
    for region, certificates in bundles.items():
        (folder / f"{region}.pem").write_text("".join(certificates))


def read(source: str) -> str:
    """Return the text of a bundle.

    Raises:
        OSError: it cannot be read.
    """
    if not source.startswith("https://"):
        return Path(source).read_text()
    with urlopen(source, timeout=30) as answer:  # noqa: S310 - only https
        return str(answer.read().decode("ascii"))


def by_region(bundle: str) -> dict[str, list[str]]:
    """Return the certificates of each region. Those of no region, such as roots that have expired, are left out.

    Raises:
        ValueError: the bundle has none, or one that is not a CA's of Amazon RDS.
    """
    regions: dict[str, list[str]] = defaultdict(list)
    for certificate in _CERTIFICATE.findall(bundle.replace("\r\n", "\n") + "\n"):
        if match := _REGION.match(_name_of(certificate)):
            regions[match[1]].append(certificate)
    if not regions:
        raise ValueError("it has none")
    return regions


def _name_of(certificate: str) -> str:
    """Return the common name of a CA of Amazon RDS.

    Raises:
        ValueError: the certificate is another.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=certificate)
        (ca,) = context.get_ca_certs()
    except ValueError as error:  # ssl.SSLError is one
        raise ValueError("it has something else than certificates of CAs") from error
    subject = dict(pair for ((*pair,),) in ca["subject"])  # type: ignore[misc]
    if (subject.get("organizationName"), subject.get("organizationalUnitName")) != (
        "Amazon Web Services, Inc.",
        "Amazon RDS",
    ):
        raise ValueError(f"it has a certificate of somebody else: {subject}")
    return str(subject["commonName"])


if __name__ == "__main__":
    main()
