"""Plans are applied and undone in the environments that people have, not only in virtual ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from copied_python import copy_python
from faults.tree import rows

from pkgwidgets import PackageService
from pkgwidgets.demo.index_server import DemoIndex
from pkgwidgets.demo.wheel_builder import BuiltWheel


def pea(version: str) -> BuiltWheel:
    """Return a wheel with files in each folder of a layout."""
    data = "{name}-{version}.data"
    return BuiltWheel(
        name="pea",
        version=version,
        files={
            "pea/__init__.py": f"version = {version!r}\n",
            f"{data}/platlib/pea_speedups.py": "",
            f"{data}/headers/pea.h": f"/* {version} */\n",
            f"{data}/headers/of_{version[0]}.h": "",
            f"{data}/scripts/shell-peas": "#!python\nimport pea\nprint(pea.version)\n",
            f"{data}/data/etc/pea.cfg": version,
        },
        entry_points="[console_scripts]\npea = pea:main\n",
    )


@pytest.fixture
def index() -> Iterator[DemoIndex]:
    with DemoIndex([pea("1.0"), pea("2.0")]) as running:
        yield running


@pytest.mark.parametrize("debian", [False, True], ids=["image", "debian"])
def test_python_of_an_image_is_unchanged_after_undoing_everything(
    tmp_path: Path, index: DemoIndex, debian: bool
) -> None:
    python = copy_python(tmp_path / "usr", debian=debian)
    service = PackageService(python, index_url=index.url)
    states = [rows(service.prefix)]
    service.install_package("pea==1.0")
    states.append(rows(service.prefix))
    service.upgrade_package("pea")
    states.append(rows(service.prefix))
    names = {Path(row[0]).name for row in states[-1]}
    assert {"pea.h", "of_2.h", "pea.cfg", "shell-peas", "pea_speedups.py"} <= names
    assert "of_1.h" not in names
    service.uninstall_package("pea")
    assert not any("pea" in row[0] and row[1] == "file" for row in rows(service.prefix))
    for transaction, state in zip(service.history().index, reversed(states), strict=True):
        service.undo(transaction)
        assert rows(service.prefix) == state
