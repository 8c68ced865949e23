"""Each link to an order says how often its address has changed. A link that forgets it would never end."""

import ast

from tests.helpers.support import ROOT


def test_each_token_of_an_order_names_its_changes_of_address() -> None:
    calls = [
        (path.name, len(node.args))
        for path in sorted(ROOT.glob("layers/**/*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "order_token"
    ]

    assert len(calls) >= 5
    assert [name for name, arguments in calls if arguments != 2] == []
