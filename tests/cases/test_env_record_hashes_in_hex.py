"""A release whose RECORD is spelled unusually can be installed, upgraded and undone."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

import pytest
from fakes import Oracle
from malformed_wheels import MalformedWheel
from real_environments import install_directly

from pkgwidgets import PackageService
from pkgwidgets.demo import Demo


def as_hex(text: str) -> str:
    def hexed(match: re.Match[str]) -> str:
        return "sha256=" + base64.urlsafe_b64decode(f"{match[1]}=").hex()

    return re.sub(r"sha256=([^,]+)", hexed, text)


def from_here(text: str) -> str:
    return re.sub("^", "./", text.rstrip("\n"), flags=re.MULTILINE) + "\n"


def without_hashes(text: str) -> str:
    return re.sub(r",sha256=[^,]+,\d+", ",,", text)


def lantern(version: str, record: Callable[[str], str] | None) -> MalformedWheel:
    files = {"lantern/__init__.py": f"VERSION = {version!r}\n", "lantern/data.txt": version}
    return MalformedWheel(name="lantern", version=version, files=files, record=record)


@pytest.mark.slow
@pytest.mark.parametrize("record", [as_hex, from_here, without_hashes])
def test_unusual_record_is_installed_and_undone(
    garden: Demo, service: PackageService, tree: Oracle, record: Callable[[str], str]
) -> None:
    prefix = garden.folder / "env"
    install_directly(garden, lantern("1.0", None))
    garden.index.publish(*(lantern(version, record) for version in ("2.0", "3.0")))
    trees = [tree(prefix)]
    for version in ("2.0", "3.0"):
        service.upgrade_package("lantern", version)
        trees.append(tree(prefix))
    for before in reversed(trees[:-1]):
        service.undo()
        assert tree(prefix) == before
