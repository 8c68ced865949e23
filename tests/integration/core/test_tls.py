"""Functions believe a database only if a CA of Amazon RDS has signed for its name."""

import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from boxoffice import config, db
from boxoffice.errors import Busy
from tests.architecture.test_template import template
from tests.helpers.relays import relay
from tests.helpers.support import ROOT, Database

HOUR = timedelta(hours=1)


@dataclass
class Authority:
    """A CA that is named like one of Amazon RDS."""

    name: str
    organisation: str = "Amazon Web Services, Inc."

    def __post_init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, self.organisation),
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Amazon RDS"),
                x509.NameAttribute(NameOID.COMMON_NAME, self.name),
            ]
        )
        constraint = x509.BasicConstraints(ca=True, path_length=None)
        certificate = self._builder(self.subject, self.key).add_extension(constraint, critical=True)
        self.pem = certificate.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, host: str, folder: Path) -> None:
        """Write the key and the certificate of a server."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        alternative = x509.SubjectAlternativeName([x509.DNSName(host)])
        certificate = (
            self._builder(name, key).add_extension(alternative, critical=False).sign(self.key, hashes.SHA256())
        )
        (folder / "server.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (folder / "server.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - HOUR)
            .not_valid_after(now + HOUR)
        )


DUBLIN, FRANKFURT = (Authority(f"Amazon RDS {region} Root CA ECC384 G1") for region in ("eu-west-1", "eu-central-1"))


def build(bundle: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Do what the layer's Makefile does with a bundle."""
    source = folder / "bundle.pem"
    source.write_text(bundle)
    command = [sys.executable, str(ROOT / "layers/common/rds_certificates.py"), str(source), str(folder / "rds")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class TestLayer:
    def test_each_region_has_a_file_of_its_own(self, tmp_path: Path) -> None:
        expired = Authority("Amazon RDS Root 2019 CA").pem
        second = Authority("Amazon RDS eu-west-1 Root CA RSA2048 G1").pem

        done = build(DUBLIN.pem + expired + FRANKFURT.pem + second, tmp_path)

        assert done.returncode == 0, done.stderr
        files = {path.name: path.read_text() for path in (tmp_path / "rds").iterdir()}
        assert files == {"eu-west-1.pem": DUBLIN.pem + second, "eu-central-1.pem": FRANKFURT.pem}

    @pytest.mark.parametrize(
        "bundle",
        [
            "",
            "<!DOCTYPE html>",
            DUBLIN.pem + Authority("Amazon RDS eu-west-1 Root CA ECC384 G1", "Mallory Ltd").pem,
            DUBLIN.pem + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ],
        ids=["nothing", "a page", "another organisation", "nonsense"],
    )
    def test_anything_else_ends_the_build(self, tmp_path: Path, bundle: str) -> None:
        done = build(bundle, tmp_path)

        assert done.returncode == 1
        assert done.stderr.startswith("no certificates of Amazon RDS from ")
        assert not (tmp_path / "rds").exists()

    def test_the_functions_look_for_the_file_of_their_region(self) -> None:
        url = template()["Globals"]["Function"]["Environment"]["Variables"]["DATABASE_URL"]["Fn::Sub"]
        query = parse_qs(urlsplit(url.replace("${", "").replace("}", "")).query)
        makefile = (ROOT / "layers/common/Makefile").read_text()
        assert query == {"sslmode": ["verify-full"], "sslrootcert": ["/opt/rds/AWS::Region.pem"]}
        assert re.search(r'rds_certificates\.py "\$\(RDS_CERTIFICATES\)" "\$\(ARTIFACTS_DIR\)/rds"', makefile)


SSL_REQUEST = bytes([0, 0, 0, 8]) + (80877103).to_bytes(4)
"""What a client of PostgreSQL asks first: does the server speak TLS?"""


def speak_tls(certificate: Path) -> Callable[[socket.socket], socket.socket]:
    """Return what a server does with a new connection that speaks TLS."""

    def greet(client: socket.socket) -> socket.socket:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate / "server.crt", certificate / "server.key")
        assert client.recv(8) == SSL_REQUEST
        client.sendall(b"S")
        return context.wrap_socket(client, server_side=True)

    return greet


@contextmanager
def connected(
    database: Database, folder: Path, host: str, region: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[db.Connection]:
    """Connect as a function does that runs in a region, to a database of this name."""
    DUBLIN.issue("database.example.org", folder)
    for name, authority in (("eu-west-1", DUBLIN), ("eu-central-1", FRANKFURT)):
        (folder / f"{name}.pem").write_text(authority.pem)
    url = urlsplit(database.api_url)
    with relay(url.port or 0, speak_tls(folder)) as (port, _):
        query = f"sslmode=verify-full&sslrootcert={folder / region}.pem&hostaddr=127.0.0.1"
        monkeypatch.setenv("DATABASE_URL", f"postgresql://{url.username}@{host}:{port}{url.path}?{query}")
        config.settings.cache_clear()
        with db.autocommit() as conn:
            yield conn
        db.disconnect()


@pytest.mark.usefixtures("api")
def test_the_right_database_is_believed(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with connected(database, tmp_path, "database.example.org", "eu-west-1", monkeypatch) as conn:
        assert conn.pgconn.ssl_in_use
        assert conn.execute("SELECT 7").fetchone() == (7,)


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize(
    ("host", "region"),
    [("database.example.org", "eu-central-1"), ("another.example.org", "eu-west-1"), ("database.example.org", "x")],
    ids=["another CA", "another name", "no certificates"],
)
def test_any_other_is_not(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, region: str
) -> None:
    with pytest.raises(Busy), connected(database, tmp_path, host, region, monkeypatch):
        pass
