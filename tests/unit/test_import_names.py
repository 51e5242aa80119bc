"""A module's project is known or has its name; near names and missing modules are offered."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from fakes import FakeKit, Kit
from packaging.utils import canonicalize_name

from pkgwidgets.core.errors import ProjectNotFound
from pkgwidgets.core.import_names import PROJECTS, near_names, project_of_module
from pkgwidgets.notebook.missing_modules import missing_modules, offer_project
from pkgwidgets.operations import suggestions
from pkgwidgets.operations.planning import plan_install


@pytest.mark.parametrize(
    ("module", "project"),
    [
        ("sklearn", "scikit-learn"),
        ("cv2", "opencv-python"),
        ("PIL.Image", "pillow"),
        ("yaml", "pyyaml"),
        ("google.protobuf.message", "protobuf"),
        ("google.cloud", "google"),
        ("polars", "polars"),
        ("some_thing.part", "some-thing"),
    ],
)
def test_project_of_a_module(module: str, project: str) -> None:
    assert project_of_module(module) == project


def test_known_projects_are_normalized() -> None:
    assert all(canonicalize_name(project) == project for project in PROJECTS.values())


def test_near_names_are_few_and_never_the_name_itself() -> None:
    assert near_names("Seed_shelf", ["seedshelf", "seed-shelf"]) == ("seedshelf",)
    assert near_names("zzzzz", ["seedshelf"]) == ()
    assert len(near_names("aaaa", ["aaab", "aaac", "aaad", "aaae"])) == 3


def test_error_for_a_missing_project_names_near_ones(kit: Kit) -> None:
    with pytest.raises(ProjectNotFound) as raised:
        plan_install(kit.backend, "seedshelff")
    assert raised.value.near == ("seedshelf",)
    assert str(raised.value).startswith(raised.value.sentence())
    assert "Did you mean seedshelf?" in raised.value.sentence()


def test_names_are_suggested_in_any_spelling() -> None:
    names = suggestions.seen_names(FakeKit().backend)
    assert suggestions.matching("Compost.", names) == ("compost-log",)
    assert suggestions.matching(" SEED", ["seedshelf", "seedshelf", "pea"]) == ("seedshelf",)
    assert suggestions.matching("", names) == names


def test_modules_that_cells_import_and_lack_are_found() -> None:
    cells = [
        "import os, nowhere_a.part as x\n%matplotlib inline",
        "from nowhere_b import y\nfrom . import z",
        "def f(:",
        "if False:\n    import nowhere_a",
    ]
    assert missing_modules(cells) == ("nowhere_a.part", "nowhere_b", "nowhere_a")


@pytest.mark.parametrize(
    ("error", "printed"),
    [
        (
            ModuleNotFoundError("x", name="nowhere_c.part"),
            "To install nowhere_c: `%packages install nowhere-c`\n",
        ),
        (ModuleNotFoundError("x", name="os.nowhere"), ""),
        (ModuleNotFoundError("x"), ""),
        (ValueError("x"), ""),
        (None, ""),
    ],
)
def test_cell_that_lacks_a_module_is_followed_by_its_project(
    error: Exception | None, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    offer_project(SimpleNamespace(error_in_exec=error))
    assert capsys.readouterr().out == printed
