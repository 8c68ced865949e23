"""No loop of the layer or the functions may run for ever."""

import ast
from pathlib import Path

import pytest

from tests.helpers.support import ROOT

FILES = sorted([*ROOT.glob("layers/common/boxoffice/**/*.py"), *ROOT.glob("functions/*/*.py")])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_loop_runs_for_ever(path: Path) -> None:
    loops = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.While)]
    assert [loop.lineno for loop in loops if isinstance(loop.test, ast.Constant)] == []
