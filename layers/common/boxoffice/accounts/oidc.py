"""The code flow of OpenID Connect with PKCE, as a client (OpenID Connect Core 1.0, section 3.1; RFC 7636).

Nothing is stored between the request to the provider and its answer. The state carries what is needed, signed. Nonce
and code verifier are derived from the state's random id, so that nobody who sees the state can tell them. The
provider's keys and addresses are cached for an hour.
"""

import base64
import hashlib
import hmac
import secrets
import struct
import time
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlencode

from boxoffice import small_calls
from boxoffice.signing import current_key, is_token, key, mac, token

STATE_LIFETIME = 600  # seconds that somebody has for the provider's pages
TIMEOUT = 6.0  # seconds, for each call
_LARGEST_ANSWER = 200_000  # bytes
_CACHED = 3600.0  # seconds
_UNKNOWN_KEY = 60.0  # seconds before an unknown key makes us read the provider's keys again
_CLOCK_SKEW = 30  # seconds
_HEAD = struct.Struct(">16sQ32s")


class Failed(Exception):
    """The log-in ends without a person. Its ``outcome`` tells the page why."""

    outcome: ClassVar[str]


class Cancelled(Failed):
    """The provider's user does not consent."""

    outcome = "cancelled"


class Refused(Failed):
    """The provider does not take what we send, or sends what we do not take."""

    outcome = "refused"


class Unavailable(Failed):
    """The provider does not answer as it should."""

    outcome = "unavailable"


@dataclass(frozen=True)
class Client:
    """Who we are to a provider.

    Attributes:
        issuer: the provider, such as ``https://accounts.google.com``.
        redirect_uri: where the provider sends people back to. The provider knows it too.
    """

    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str

    @property
    def names(self) -> list[str]:
        """Return what the issuer may be called in an ID token: Google writes its name with ``https://`` and without."""
        return [self.issuer, self.issuer.removeprefix("https://")]


@dataclass(frozen=True)
class Flow:
    """A log-in on its way through the provider.

    Attributes:
        challenge: the SHA-256 of the secret that the page keeps.
        return_to: the path of the page that goes on with the log-in.
        key_id: which key of the ring signs the state.
    """

    id: bytes
    expires_at: int
    challenge: bytes
    return_to: str
    key_id: str
    master: bytes

    @property
    def nonce(self) -> str:
        return _text(mac(self.master, "oidc nonce", self.id))

    @property
    def code_verifier(self) -> str:
        return _text(mac(self.master, "oidc code verifier", self.id))


def begin(ring: str, challenge: bytes, return_to: str) -> Flow:
    """Begin a flow, with a random id."""
    key_id, master = current_key(ring)
    return Flow(secrets.token_bytes(16), int(time.time()) + STATE_LIFETIME, challenge, return_to, key_id, master)


def state_of(ring: str, flow: Flow) -> str:
    """Return the state that carries a flow through the provider."""
    content = _HEAD.pack(flow.id, flow.expires_at, flow.challenge) + flow.return_to.encode()
    return f"{_text(content)}.{token(ring, 'oidc state', content)}"


def read_state(ring: str, state: str) -> Flow | None:
    """Return the flow in a state, or None if the state is not ours or is over."""
    text, _, proof = state.partition(".")
    try:
        content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    if len(content) < _HEAD.size or not is_token(ring, "oidc state", content, proof):
        return None
    flow_id, expires_at, challenge = _HEAD.unpack_from(content)
    key_id = proof.partition(".")[0]
    master = key(ring, key_id)
    if master is None or time.time() >= expires_at:
        return None
    return Flow(flow_id, expires_at, challenge, content[_HEAD.size :].decode(), key_id, master)


def authorization_url(client: Client, flow: Flow, state: str) -> str:
    """Return the provider's address that a browser must go to.

    Raises:
        Unavailable: the provider's description of itself cannot be read.
    """
    challenge = _text(hashlib.sha256(flow.code_verifier.encode()).digest())
    parameters = {
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "response_type": "code",
        "scope": "openid email profile",
        "state": state,
        "nonce": flow.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "prompt": "select_account",
    }
    return f"{_discover(client.issuer)['authorization_endpoint']}?{urlencode(parameters)}"


def fetch_claims(client: Client, flow: Flow, code: str) -> dict[str, Any]:
    """Trade the code that the provider sent for an ID token. Return the token's claims, verified.

    Raises:
        Refused: the provider does not take the code, or its token is not for this flow.
        Unavailable: the provider does not answer as it should.
    """
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        "code_verifier": flow.code_verifier,
    }
    answer = _call("POST", _discover(client.issuer)["token_endpoint"], fields)
    return _verify(client, flow, str(answer.get("id_token", "")))


def _verify(client: Client, flow: Flow, id_token: str) -> dict[str, Any]:
    """Return the claims of an ID token (OpenID Connect Core 1.0, section 3.1.3.7).

    Raises:
        Refused: the token is forged, over, or for another client or another flow.
    """
    import jwt

    try:
        key_id = jwt.get_unverified_header(id_token).get("kid")
        claims: dict[str, Any] = jwt.decode(
            id_token,
            _key_of(client.issuer, str(key_id)),
            algorithms=["RS256"],
            issuer=client.names,
            audience=client.client_id,
            leeway=_CLOCK_SKEW,
            options={"require": ["iss", "sub", "aud", "exp", "iat", "nonce"], "strict_aud": True},
        )
    except jwt.PyJWTError as error:
        raise Refused(f"the ID token is not valid: {type(error).__name__}") from error
    if not hmac.compare_digest(str(claims["nonce"]).encode(), flow.nonce.encode()):
        raise Refused("the nonce is another flow's")
    if claims.get("azp", client.client_id) != client.client_id:
        raise Refused("the ID token was made for another client")
    return claims


def _key_of(issuer: str, key_id: str) -> Any:
    """Return a key of the provider. An unknown one makes us read the keys again, at most once a minute.

    Raises:
        Refused: the provider has no such key for signatures.
    """
    import jwt

    url = _discover(issuer)["jwks_uri"]
    for lifetime in (_CACHED, _UNKNOWN_KEY):
        keys = _cached(url, lifetime).get("keys", [])
        for each in keys:
            if each.get("kid") == key_id and each.get("kty") == "RSA" and each.get("use", "sig") == "sig":
                return jwt.PyJWK.from_dict(each, algorithm="RS256").key
    raise Refused("the ID token names an unknown key")


def _discover(issuer: str) -> dict[str, Any]:
    """Return the provider's description of itself (OpenID Connect Discovery 1.0).

    Raises:
        Unavailable: it cannot be read, or is another provider's.
    """
    described = _cached(f"{issuer}/.well-known/openid-configuration", _CACHED)
    if described.get("issuer") != issuer:
        raise Unavailable("the provider's description names another issuer")
    return described


_answers: dict[str, tuple[float, dict[str, Any]]] = {}


def _cached(url: str, lifetime: float) -> dict[str, Any]:
    """Return what is at a URL. It is read again once it is older than ``lifetime`` seconds."""
    read_at, answer = _answers.get(url, (None, {}))
    now = time.monotonic()
    if read_at is None or now - read_at >= lifetime:
        answer = _call("GET", url)
        _answers[url] = (now, answer)
    return answer


def forget() -> None:
    """Empty the cache, so that the next log-in asks the provider."""
    _answers.clear()


def _call(method: str, url: str, fields: dict[str, str] | None = None) -> dict[str, Any]:
    """Call the provider, and return the object that it answers. This ends within seconds.

    Raises:
        Refused: the provider does not take what we send (RFC 6749, section 5.2).
        Unavailable: it does not answer, or not with an object, or does not know us as its client.
    """
    try:
        status, answer = small_calls.call(method, url, timeout=TIMEOUT, largest=_LARGEST_ANSWER, fields=fields)
    except small_calls.NoAnswer as error:
        raise Unavailable(str(error)) from error
    if status == 400:
        raise Refused(f"the provider answers {str(answer.get('error'))[:100]!r}")
    return answer


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
