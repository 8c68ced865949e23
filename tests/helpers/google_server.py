"""A stub of Google's log-in: an OpenID Connect provider made of Authlib, which can forge ID tokens and fail.

It is a process of its own: ``python -m tests.helpers.google_server PORT``. Whoever opens its page is logged in there as
the person of ``POST /_config/person``, and consents at once. ``POST /_config/forgery`` says what is wrong with the ID
tokens to come. ``POST /_config/mode/{mode}`` sets how it answers. ``GET /_config/requests`` lists the requests since
the last such call. ``POST /_config/rotate`` makes a new key.
"""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # it serves HTTP on the loopback address

import jwt
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core.grants import OpenIDCode
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask, Response, jsonify, request

from local.stack.server import listen, serve

CLIENT_ID, CLIENT_SECRET = "boxoffice.apps.googleusercontent.com", "GOCSPX-of-the-tests"
REDIRECT_URI = "http://127.0.0.1:3000/v1/sessions/google/callback"
ISSUER = f"http://127.0.0.1:{sys.argv[1] if len(sys.argv) > 1 else 0}"

_keys: dict[str, rsa.RSAPrivateKey] = {}
_codes: dict[str, "Code"] = {}
_state: dict[str, Any] = {"mode": "works", "person": {}, "forgery": {}, "requests": []}


def rotate() -> None:
    """Sign with a new key from now on."""
    _keys[f"key {len(_keys) + 1}"] = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Client(ClientMixin):
    """Our client, the only one that the provider knows."""

    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_default_redirect_uri(self) -> str:
        return REDIRECT_URI

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == REDIRECT_URI

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == CLIENT_SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_post"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class Code(AuthorizationCodeMixin):
    """A code that the provider has issued."""

    code: str
    redirect_uri: str
    scope: str
    nonce: str
    code_challenge: str
    code_challenge_method: str
    person: dict[str, Any]

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str:
        return self.nonce


class CodeGrant(AuthorizationCodeGrant):
    """The code flow. A code can be used once."""

    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_post"]  # noqa: RUF012

    def save_authorization_code(self, code: str, request: Any) -> None:
        data = request.payload.data
        wanted = {name: data[name] for name in ("redirect_uri", "nonce", "code_challenge", "code_challenge_method")}
        _codes[code] = Code(code=code, scope=request.payload.scope, person=request.user, **wanted)

    def query_authorization_code(self, code: str, client: Any) -> Code | None:
        return _codes.get(code)

    def delete_authorization_code(self, authorization_code: Code) -> None:
        del _codes[authorization_code.code]

    def authenticate_user(self, authorization_code: Code) -> dict[str, Any]:
        return authorization_code.person


class IdToken(OpenIDCode):
    """Adds ID tokens, as the forgery says."""

    def exists_nonce(self, nonce: str, request: Any) -> bool:
        return any(code.nonce == nonce for code in _codes.values())

    def encode_id_token(self, token: Any, request: Any) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": CLIENT_ID, "azp": CLIENT_ID, "iat": now, "exp": now + 3600}
        claims |= {"nonce": request.authorization_code.nonce, **request.user}
        return _sign(claims | _state["forgery"].get("claims", {}))


def _sign(claims: dict[str, Any]) -> str:
    claims = {name: value for name, value in claims.items() if value is not None}
    kid, key = list(_keys.items())[-1]
    forgery = _state["forgery"]
    headers = {"kid": forgery.get("kid", kid)}
    match forgery.get("signature"):
        case "none":
            return jwt.encode(claims, None, algorithm="none", headers=headers)
        case "public key":  # as if the verifier took the public key for the secret of an HMAC
            public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            return _hmac_by(public, claims, headers)
        case "another key":
            other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            return jwt.encode(claims, other, algorithm="RS256", headers=headers)
        case "another algorithm":
            return jwt.encode(claims, key, algorithm="PS256", headers=headers)
        case "nonsense":
            return "not.a.token"
    return jwt.encode(claims, key, algorithm="RS256", headers=headers)


def _hmac_by(public_key: bytes, claims: dict[str, Any], headers: dict[str, str]) -> str:
    """Sign with HS256 under a public key. PyJWT refuses to, so this signs with another key and replaces the proof."""
    import base64
    import hashlib
    import hmac

    content = jwt.encode(claims, "k" * 32, algorithm="HS256", headers=headers).rpartition(".")[0]
    proof = hmac.digest(public_key, content.encode(), hashlib.sha256)
    return f"{content}.{base64.urlsafe_b64encode(proof).decode().rstrip('=')}"


app = Flask(__name__)
server = AuthorizationServer(app, query_client=lambda name: Client() if name == CLIENT_ID else None)
server.save_token = lambda token, request: None
server.register_grant(CodeGrant, [CodeChallenge(required=True), IdToken(require_nonce=True)])


# By mode: the paths that fail, and how.
FAILURES: dict[str, tuple[str, Callable[[], Response]]] = {
    "error": ("/", lambda: Response("down", 500)),
    "html": ("/", lambda: Response("<h1>Bad gateway</h1>")),
    "list": ("/", lambda: jsonify([1])),
    "redirects": ("/", lambda: Response(status=302, headers={"Location": f"{ISSUER}/elsewhere"})),
    "another issuer": ("/.well-known/", lambda: jsonify({"issuer": "https://elsewhere.example"})),
    "unknown client": ("/token", lambda: Response('{"error": "invalid_client"}', 401)),
}


@app.before_request
def answer_as_mode_says() -> Response | None:
    """Fail as the mode says, or let the request through."""
    if request.path.startswith("/_config/"):
        return None
    _state["requests"].append(f"{request.method} {request.path}")
    if _state["mode"] == "hangs":
        time.sleep(20)
    path, make = FAILURES.get(_state["mode"], ("", None))
    return make() if make and request.path.startswith(path) else None


@app.get("/.well-known/openid-configuration")
def describe() -> Response:
    return jsonify(
        {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/certs",
        }
    )


@app.get("/certs")
def certs() -> Response:
    keys = []
    for kid, key in _keys.items():
        public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        keys.append({**public, "kid": kid, "use": "sig", "alg": "RS256"})
    return jsonify({"keys": keys})


@app.get("/authorize")
def authorize() -> Any:
    person = None if _state["mode"] == "denies" else _state["person"]
    grant = server.get_consent_grant(end_user=_state["person"])
    return server.create_authorization_response(grant_user=person, grant=grant)


@app.post("/token")
def token() -> Any:
    return server.create_token_response()


@app.post("/_config/mode/<mode>")
def set_mode(mode: str) -> str:
    _state["mode"] = mode
    return ""


@app.post("/_config/<name>")
def configure(name: str) -> str:
    if name == "rotate":
        rotate()
    else:
        _state[name] = request.get_json()
    return ""


@app.get("/_config/requests")
def list_requests() -> Response:
    requests, _state["requests"] = _state["requests"], []
    return jsonify(requests)


if __name__ == "__main__":
    rotate()
    serve(app, listen("127.0.0.1", int(sys.argv[1])))
