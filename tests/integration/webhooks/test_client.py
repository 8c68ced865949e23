"""Requests to endpoints: pinned to the address that was checked, and over in time, whatever the other side does."""

import gzip
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from socket import socket

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from boxoffice.webhooks import client
from boxoffice.webhooks.client import Message, Resolve
from boxoffice.webhooks.models import Answer
from tests.helpers.receivers import OK, Receiver, http, receiver

HELLO = Message({"webhook-id": "1"}, b'{"a":1}')


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as own:
        yield own


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the times, in their proportions."""
    monkeypatch.setattr(client, "CONNECT_SECONDS", 0.3)
    monkeypatch.setattr(client, "TOTAL_SECONDS", 1.0)
    monkeypatch.setattr(client, "_BODY_SECONDS", 0.2)


def answering(*answers: list[str]) -> tuple[Resolve, list[str]]:
    """Return a stand-in for DNS, which gives its answers one after the other, and the names that it was asked for."""
    left, asked = list(answers), list[str]()

    async def resolve(host: str, _: int) -> list[str]:
        asked.append(host)
        return left.pop(0)

    return resolve, asked


def send(url: str, resolve: Resolve = client.look_up, *, allows_loopback: bool = True) -> Answer:
    (answer,) = client.send_all(url, [HELLO], allows_loopback=allows_loopback, resolve=resolve)
    return answer


def test_a_webhook_is_one_post_with_its_headers(there: Receiver) -> None:
    answer = send(there.url)

    assert (answer.status, answer.text, answer.error) == (200, "thanks", None)
    assert timedelta(0) < answer.duration < timedelta(seconds=5)
    (request,) = there.requests
    assert (request.line, request.body) == ("POST /webhooks?shop=1 HTTP/1.1", '{"a":1}')
    assert request.headers.pop("user-agent").startswith("Boxoffice/")
    assert request.headers == {
        "host": f"127.0.0.1:{there.port}",
        "content-type": "application/json",
        "content-length": "7",
        "connection": "close",
        "webhook-id": "1",
    }


@pytest.mark.parametrize("private", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00::1"])
def test_a_name_that_leads_to_a_private_address_gets_nothing(there: Receiver, private: str) -> None:
    resolve, _ = answering(["93.184.215.14", private])

    answer = send(f"http://rebound.example:{there.port}/", resolve, allows_loopback=False)

    assert answer.error == "the name of the host leads to an address that is not public"
    assert private not in answer.error
    assert there.connections == 0


def test_a_second_answer_of_the_name_server_leads_nowhere(there: Receiver) -> None:
    """DNS rebinding: the name leads to an allowed address when it is checked, and elsewhere right after."""
    with receiver(host="127.0.0.2") as checked:
        resolve, asked = answering(["127.0.0.2"], ["127.0.0.1"])
        url = f"http://rebound.example:{checked.port}/"

        answers = client.send_all(url, [HELLO] * 3, allows_loopback=True, resolve=resolve)

        assert [answer.status for answer in answers] == [200] * 3
        assert [request.headers["host"] for request in checked.requests] == [f"rebound.example:{checked.port}"] * 3
    assert asked == ["rebound.example"], "once for all requests of a round"
    assert there.connections == 0


def test_loopback_is_refused_but_on_a_laptop(there: Receiver) -> None:
    for url in (there.url, f"http://localhost:{there.port}/", f"http://2130706433:{there.port}/"):
        assert send(url, allows_loopback=False).status is None
    assert there.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(there: Receiver, status: int) -> None:
    with receiver() as trap:
        there.usual = http(status, b"over there", Location=trap.url)

        answer = send(there.url)

        assert (answer.status, answer.text, answer.is_success) == (status, "over there", False)
        assert (there.connections, trap.connections) == (1, 0)


def test_the_next_address_is_tried_if_nobody_takes_the_connection(there: Receiver) -> None:
    resolve, _ = answering(["127.0.0.3", "127.0.0.1"])

    assert send(f"http://twice.example:{there.port}/", resolve).status == 200
    assert there.connections == 1


def test_no_address_no_request() -> None:
    async def fail(_: str, __: int) -> list[str]:
        raise OSError("Name or service not known")

    assert send("https://nowhere.example/", fail).error == "the name of the host has no address"
    assert send("https://" + "a" * 64 + ".example/").error == "the name of the host has no address"


def test_nobody_there() -> None:
    with receiver() as gone:
        url = gone.url
    assert send(url).error == "nobody took the connection"


def slowly(text: bytes, pause: float, connection: socket) -> None:
    with suppress(OSError):
        for byte in text:
            connection.sendall(bytes([byte]))
            time.sleep(pause)


def test_an_answer_that_drips_ends_in_time(hurried: None, there: Receiver) -> None:
    there.usual = b""
    there.answers = [lambda connection: slowly(b"HTTP/1.1 200 OK\r\n" * 50, 0.05, connection)]

    began = time.monotonic()
    answer = send(there.url)

    assert answer.error == "there was no answer within 1 s"
    assert time.monotonic() - began < 2


def test_silence_ends_in_time(hurried: None, there: Receiver) -> None:
    there.answers = [lambda _: there.over.wait(3) and None]

    began = time.monotonic()
    assert send(there.url).error == "there was no answer within 1 s"
    assert time.monotonic() - began < 2


def test_a_name_server_that_is_silent_ends_in_time(hurried: None) -> None:
    async def hang(_: str, __: int) -> list[str]:
        import asyncio

        await asyncio.sleep(60)
        return []

    assert send("https://slow.example/", hang).error == "the name server did not answer within 0.3 s"


def test_a_body_without_end_is_not_read(hurried: None, there: Receiver) -> None:
    def pour(connection: socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        with suppress(OSError):
            for _ in range(1_000_000):
                connection.sendall(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")

    there.answers = [pour]
    answer = send(there.url)

    assert (answer.status, answer.text) == (200, "x" * 1000)


def test_a_status_counts_even_if_its_body_never_comes(hurried: None, there: Receiver) -> None:
    there.answers = [lambda connection: slowly(http(204) + b"", 0, connection)]
    there.answers.append(
        lambda connection: (
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf") or (there.over.wait(3) and None)
        )
    )

    assert send(there.url).status == 204
    answer = send(there.url)
    assert (answer.status, answer.text, answer.error) == (200, "half", None)


def test_headers_without_end_are_not_read(hurried: None, there: Receiver) -> None:
    there.usual = b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"a" * 100_000 + b"\r\n\r\n"

    assert send(there.url).error == "the answer was not HTTP"


def test_nothing_is_decompressed(there: Receiver) -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    there.usual = http(200, bomb, Content_Encoding="gzip")

    answer = send(there.url)

    assert (answer.status, len(answer.text)) == (200, 1000)
    assert "accept-encoding" not in there.requests[0].headers


@pytest.mark.parametrize(
    "answer", [b"hello\r\n\r\n", b"SSH-2.0-OpenSSH_9.6\r\n", b"\x00" * 50, b"HTTP/1.1 abc\r\n\r\n"]
)
def test_what_is_not_http_is_no_answer(there: Receiver, answer: bytes) -> None:
    there.usual = answer
    assert send(there.url).error in ("the answer was not HTTP", "the connection was closed before an answer")


def test_closing_without_a_word_is_no_answer(there: Receiver) -> None:
    there.usual = b""
    assert send(there.url).error in ("the answer was not HTTP", "the connection was closed before an answer")


def test_an_interim_answer_is_none(there: Receiver) -> None:
    there.usual = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + http(202, b"later")
    answer = send(there.url)
    assert (answer.status, answer.text) == (202, "later")


def test_an_answer_becomes_a_text_that_can_be_stored(there: Receiver) -> None:
    there.usual = http(500, "Größe 🎟 \x00\x1b[31m".encode() + b"\xff\n\tend")
    assert send(there.url).text == "Größe 🎟 \ufffd\ufffd[31m\ufffd\n\tend"


def test_retry_after_is_read(there: Receiver) -> None:
    there.usual = http(429, Retry_After="17")
    assert send(there.url).retry_after == timedelta(seconds=17)


def certificate(folder: Path, name: str) -> ssl.SSLContext:
    """Write an authority's certificate to ``ca.pem``. Return what a server needs that it has certified by this name."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority")])
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    builder = (
        x509.CertificateBuilder()
        .issuer_name(subject)
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.pem").write_bytes(pem)
    (folder / "server.pem").write_bytes(pem + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


@pytest.fixture
def trusting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """Trust an authority that has certified shop.example. Yield what its server needs."""
    context = certificate(tmp_path, "shop.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    client._tls.cache_clear()
    yield context
    client._tls.cache_clear()


def test_the_certificate_must_be_of_the_name_although_the_connection_goes_to_the_address(
    trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    seen: list[str | None] = []
    trusting.sni_callback = lambda _, name, __: seen.append(name)
    with receiver(tls=trusting) as shop:
        resolve, _ = answering(["127.0.0.1"], ["127.0.0.1"])
        answer = send(f"https://shop.example:{shop.port}/in", resolve)
        assert (answer.status, answer.error) == (200, None)
        assert shop.requests[0].headers["host"] == f"shop.example:{shop.port}"

        wrong = send(f"https://other.example:{shop.port}/in", resolve)
        assert wrong.error is not None
        assert wrong.error.startswith("the certificate is not valid: Hostname mismatch")
        assert len(shop.requests) == 1
    assert seen == ["shop.example", "other.example"]


def test_a_certificate_of_nobody_is_refused(tmp_path: Path) -> None:
    client._tls.cache_clear()
    with receiver(tls=certificate(tmp_path, "shop.example")) as shop:
        resolve, _ = answering(["127.0.0.1"])
        answer = send(f"https://shop.example:{shop.port}/in", resolve)
        assert answer.error is not None
        assert answer.error.startswith("the certificate is not valid: self")
        assert shop.requests == []


def test_without_tls_there_is_no_request(hurried: None, there: Receiver) -> None:
    assert send(there.url.replace("http:", "https:")).error == "there was no connection within 0.3 s"
    assert there.requests == []


def test_requests_of_a_round_are_at_once(there: Receiver) -> None:
    there.usual = b""
    there.answers = [lambda connection: time.sleep(0.3) or connection.sendall(OK)] * 10

    began = time.monotonic()
    answers = client.send_all(there.url, [HELLO] * 10, allows_loopback=True)

    assert [answer.status for answer in answers] == [200] * 10
    assert time.monotonic() - began < 2
    assert there.most_at_once > 5


def test_nothing_is_said_of_an_address_that_is_refused() -> None:
    resolve, _ = answering(["10.20.16.5"])
    answer = send("https://inside.example/", resolve, allows_loopback=False)
    assert ip_address("10.20.16.5").is_private
    assert "10.20" not in str(answer)
