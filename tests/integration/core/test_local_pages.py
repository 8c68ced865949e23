"""The pages of the local stack say to browsers what they run, and load nothing else."""

import re
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask

from local.boxoffice import pages
from local.boxoffice.sandbox import server as sandbox
from local.stack.inbox import Inbox
from local.stack.project import RunningStack

ORDER = UUID("01981f6c-7b00-7a11-8c3e-5d2f40a1b001")
PREVIEWS = "/_local/emails/previews"
EMAIL = "<p style='color: red'>Your tickets</p><script>document.title = 'taken over'</script>"


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    """Serve the pages beside an API that knows no order."""
    app = Flask(__name__)
    stack = RunningStack("http://127.0.0.1", tmp_path, tmp_path, "")
    for page in (pages.start, pages.emails, pages.shop, sandbox.payments):
        app.register_blueprint(page(stack))
    app.add_url_rule("/v1/orders/<_>", view_func=lambda _: ({"detail": "There is no such order."}, 404))
    Inbox(tmp_path).add_simple("1", ["ada@example.com"], "tickets@example.com", "Your tickets", EMAIL)
    return app


def test_each_page_runs_the_scripts_that_it_marks_alone(app: Flask) -> None:
    client = app.test_client()
    entry = client.get("/_local/emails", headers={"Accept": "application/json"}).get_json()["items"][0]["id"]
    paths = [f"/{page}" for page in pages.NAMED_PAGES]
    paths += [f"/{kind}/{ORDER}" for kind in ("orders", "tickets", "transfers", "waitlist", "invitations")]
    paths += ["/_local/emails/previews", "/_local/emails/previews/fr/hard/order_confirmation"]
    for path in [*paths, "/", "/_local/emails", f"/_local/emails/{entry}"]:
        first, second = (client.get(path, headers={"Accept": "text/html"}) for _ in range(2))
        policy = dict(each.split(" ", 1) for each in first.headers["Content-Security-Policy"].split("; "))
        nonces = set(re.findall(r"<script([^>]*)>", re.sub(r"srcdoc=\".*?\"", "", first.text, flags=re.DOTALL)))

        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert nonces <= {f' nonce="{policy["script-src"].removeprefix("'nonce-").removesuffix("'")}"'}
        assert first.headers["Content-Security-Policy"] != second.headers["Content-Security-Policy"]
        assert (first.headers["Cache-Control"], first.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


def test_the_root_says_where_to_go(app: Flask) -> None:
    page = app.test_client().get("/", headers={"Accept": "text/html"}).text
    assert all(f'href="{path}"' in page for path in ("/docs", "/openapi.json", "/health", "/_local/emails"))
    assert "organiser@example.com" in page
    assert "correct horse battery" in page
    assert app.test_client().get("/", headers={"Accept": "application/json"}).get_json()["docs"] == "/docs"


def test_each_email_is_previewed_in_each_language(app: Flask) -> None:
    client = app.test_client()
    index = client.get("/_local/emails/previews").text
    assert f'href="{PREVIEWS}/fr/everyday/order_confirmation%2C%20with%20new%20QRs"' in index
    page = client.get(f"{PREVIEWS}/fr/hard/order_confirmation%2C with new QRs").text
    assert "Vos billets ont de nouveaux codes QR." in page
    assert "&lt;html lang=&#34;fr&#34;" in page
    assert "- 2 × Rang für Rollstuhlfahrerinnen und Begleitpersonen" in page
    assert "data:image/png;base64,iVBOR" in page
    assert "cid:" not in page
    for path in ("xx/everyday/order_confirmation", "fr/nobody/order_confirmation", "fr/everyday/nothing"):
        assert client.get(f"{PREVIEWS}/{path}").status_code == 404
