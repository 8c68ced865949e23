"""What the code of a function reaches: names of ours, libraries, attributes and texts.

It reaches what its module does when it is imported, what that names, and so on. A class is reached as a whole. So this
finds more than what runs, but not less. Modules that are imported by a computed name are listed here.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from boxoffice.provider_names import PROVIDERS
from tests.helpers.support import ROOT

LAYER = ROOT / "layers/common"

IMPORTED_BY_NAME = {"boxoffice.payments.providers.load": {f"boxoffice.payments.{name}" for name in PROVIDERS}}
"""Functions that import modules by a computed name, with the modules that they can find."""


@dataclass(frozen=True)
class Reach:
    """What code reaches.

    Attributes:
        names: modules of ours, and functions, classes and values in them, such as ``boxoffice.config.secret``.
        libraries: the top-level names of modules that are not ours.
        attributes: what is read of any object, such as a field of the settings or an operation of an AWS client.
        texts: constants, such as the names of environment variables.
    """

    names: set[str] = field(default_factory=set)
    libraries: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)


@cache
def reach_of(function: str) -> Reach:
    """Return what the code of a function reaches, by the name of its file."""
    reach, found = Reach(), [function, *(f"{function}.{name}" for name in _definitions(function))]
    while found:
        name = found.pop()
        if name in reach.names:
            continue
        step = _step_from(name)
        reach.names.add(name)
        reach.libraries.update(step.libraries)
        reach.attributes.update(step.attributes)
        reach.texts.update(step.texts)
        found += step.names
    return reach


@cache
def _step_from(name: str) -> Reach:
    """Return what a module, or a name in one, reaches by itself."""
    if name in _paths():
        return _of_module(name)
    module, _, attribute = name.rpartition(".")
    if module not in _paths():
        return Reach(libraries={name.partition(".")[0]})
    if attribute in _definitions(module):
        step = _of_code(module, [_definitions(module)[attribute]])
        step.names.update(*(_everything_in(other) for other in IMPORTED_BY_NAME.get(name, ())))
    else:
        step = Reach(names={target for bound, target in _imports(_tree(module).body) if bound == attribute})
    step.names.add(module)
    return step


def _of_module(name: str) -> Reach:
    """Return what the import of a module reaches: its statements, and the decorators of its definitions."""
    statements: list[ast.AST] = [node for node in _tree(name).body if node not in _definitions(name).values()]
    for definition in _definitions(name).values():
        statements += definition.decorator_list
    return _of_code(name, statements)


def _of_code(module: str, nodes: list[ast.AST]) -> Reach:
    """Return what a piece of a module's code reaches."""
    inside = [inner for node in nodes for inner in ast.walk(node)]
    bound = dict(_imports(_tree(module).body)) | dict(_imports(inside))
    reach = Reach(names={_imported(target) for _, target in _imports(inside)})
    qualified = set()
    for node in inside:
        match node:
            case ast.Attribute(value=ast.Name(id=name) as owner, attr=attribute) if bound.get(name) in _paths():
                qualified.add(owner)  # a module, of which this reads one name
                reach.names.add(f"{bound[name]}.{attribute}")
            case ast.Attribute(attr=attribute):
                reach.attributes.add(attribute)
            case ast.Constant(value=str(text)):
                reach.texts.add(text)
    for node in inside:
        if isinstance(node, ast.Name) and node not in qualified:
            target = bound.get(node.id, f"{module}.{node.id}")
            is_whole = target in _paths() and node.id in bound  # a module that is handed on, with all that it has
            reach.names.update(_everything_in(target) if is_whole else {target})
    return reach


def _imports(nodes: list[ast.AST] | list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Yield each name that an import binds, with what it stands for."""
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (top, top)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _imported(target: str) -> str:
    """Return what the import of a target runs: a module of ours, where the target is a name in one."""
    owner = target.rpartition(".")[0]
    return owner if target not in _paths() and owner in _paths() else target


def _everything_in(module: str) -> set[str]:
    return {module, *(f"{module}.{name}" for name in _definitions(module))}


@cache
def _paths() -> dict[str, Path]:
    """Return the file of every module of ours."""
    paths = {path.stem: path for path in ROOT.glob("functions/*/*.py")}
    for path in LAYER.glob("boxoffice/**/*.py"):
        parts = path.relative_to(LAYER).with_suffix("").parts
        paths[".".join(parts).removesuffix(".__init__")] = path
    return paths


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_paths()[module].read_text())


@cache
def _definitions(module: str) -> dict[str, ast.FunctionDef | ast.ClassDef]:
    return {node.name: node for node in _tree(module).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
