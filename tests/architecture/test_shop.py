"""The page of docs/building-a-shop.md calls what there is."""

import re

from tests.helpers import conformance
from tests.helpers.support import ROOT

PAGE = (ROOT / "docs/shop.html").read_text()


def test_the_page_calls_operations_of_the_document_with_the_headers_that_they_need() -> None:
    paths = conformance.document()["paths"]
    calls = re.findall(r'"(GET|POST)", [`"]([^`"]+)[`"]', PAGE)
    called = {(method, re.sub(r"\$\{[^}]+\}", "{}", path)) for method, path in calls}
    known = {
        (method.upper(), re.sub(r"\{[^}]+\}", "{}", path)): operation
        for path, methods in paths.items()
        for method, operation in methods.items()
    }

    assert len(called) == 6
    assert called <= known.keys()
    keyed = {each for each in called if "idempotency-key" in str(known[each].get("parameters", "")).lower()}
    assert keyed == {each for each in called if each[0] == "POST"}  # so each request with a body has a key


def test_the_page_is_short() -> None:
    assert len(PAGE.splitlines()) <= 60
