"""The layers' libraries are pinned with hashes, down to what they bring along, and all layers are built from that."""

import re

import pytest

from tests.helpers.support import ROOT

LAYERS = ["common", "documents", "pictures"]


def _locked(layer: str) -> dict[str, tuple[str, list[str]]]:
    """Return the version and the hashes of each library in a lock file."""
    text = (ROOT / f"layers/{layer}/requirements.lock").read_text()
    parts = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    heads = [re.match(r"([\w.-]+)==([\w.]+)", part) for part in parts]
    return {
        head[1]: (head[2], re.findall(r"sha256:[0-9a-f]{64}", part))
        for head, part in zip(heads, parts, strict=True)
        if head
    }


def _wanted(layer: str) -> dict[str, str]:
    text = (ROOT / f"layers/{layer}/requirements.txt").read_text()
    return dict(re.findall(r"^([\w.-]+)(?:\[\w+\])?==([\w.]+)$", text, flags=re.MULTILINE))


@pytest.mark.parametrize("layer", LAYERS)
def test_the_lock_has_what_the_layer_asks_for(layer: str) -> None:
    locked = {name: version for name, (version, _) in _locked(layer).items()}

    assert locked | _wanted(layer) == locked, "run make lock"


@pytest.mark.parametrize("layer", LAYERS)
def test_each_library_has_hashes(layer: str) -> None:
    lines = (ROOT / f"layers/{layer}/requirements.lock").read_text().splitlines()
    unhashed = [name for name, (_, hashes) in _locked(layer).items() if not hashes]

    assert unhashed == []
    assert len(_locked(layer)) == sum(1 for line in lines if re.match(r"[a-z]", line))


@pytest.mark.parametrize("layer", LAYERS)
def test_the_layer_is_built_from_the_lock(layer: str) -> None:
    recipe = re.search(
        r"^build-\w+Layer:\n\t\$\((\w+)\)", (ROOT / f"layers/{layer}/Makefile").read_text(), re.MULTILINE
    )

    assert recipe is not None
    assert recipe[1] in ("INSTALL_LIBRARIES", "BUILD_LIBRARIES")
    assert "--require-hashes --requirement requirements.lock" in (ROOT / "layers/libraries.mk").read_text()
