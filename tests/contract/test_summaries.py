"""The summary of a project that is not installed comes from the file next to its wheel."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pkgwidgets import PackageService
from pkgwidgets.core.errors import ProjectNotFound
from pkgwidgets.demo import Demo, index_server
from pkgwidgets.demo.wheel_builder import BuiltWheel

Change = Callable[[str, index_server._Response], index_server._Response]


def pea(version: str = "1.0", summary: str = "Peas and pods", **fields: Any) -> BuiltWheel:
    return BuiltWheel(name="pea", version=version, summary=summary, files={}, **fields)


@pytest.fixture
def change_answers(garden: Demo, monkeypatch: pytest.MonkeyPatch) -> Callable[[Change], None]:
    respond = garden.index._respond

    def change(changed: Change) -> None:
        monkeypatch.setattr(
            garden.index,
            "_respond",
            lambda target, accept: changed(target, respond(target, accept)),
        )

    return change


def changed_file(**keys: object) -> Change:
    """Return a change of the keys of each file on a page; None removes a key."""

    def change(target: str, response: index_server._Response) -> index_server._Response:
        if target != "/simple/pea/":
            return response
        page = json.loads(response.body)
        for file in page["files"]:
            file |= {key.replace("_", "-"): value for key, value in keys.items()}
            for key in [key for key, value in file.items() if value is None]:
                del file[key]
        body = json.dumps(page).encode()
        return index_server._Response(response.status, body, response.content_type)

    return change


def test_summary_is_that_of_the_latest_suitable_release(
    service: PackageService, garden: Demo
) -> None:
    garden.index.publish(
        pea("1.0", "The first"),
        pea("2.0", "  Peas\n  and\tpods "),
        pea("3.0", "Withdrawn", yanked="burst"),
        pea("4.0rc1", "Not yet"),
        pea("5.0", "For others", requires_python=">=9"),
    )
    assert service.get_summary("Pea") == "Peas and pods"
    asked = [path for path in garden.index.requests if path.endswith(".metadata")]
    assert len(asked) == 1
    assert asked[0].endswith("/pea-2.0-py3-none-any.whl.metadata")
    requests = len(garden.index.requests)
    service.get_summary("pea")
    assert len([p for p in garden.index.requests[requests:] if p.endswith(".metadata")]) == 0


@pytest.mark.parametrize(
    ("summary", "shown"),
    [
        ("UNKNOWN", ""),
        ("", ""),
        ("<b>bold</b>", "<b>bold</b>"),
        ("turned \u202e round", "turned \\u202e round"),
        ("long " * 100, ("long " * 100)[:300]),
    ],
)
def test_summary_is_short_and_shows_hidden_characters(
    service: PackageService, garden: Demo, summary: str, shown: str
) -> None:
    garden.index.publish(pea(summary=summary))
    assert service.get_summary("pea") == shown


def test_older_name_of_the_key_is_read(
    service: PackageService, garden: Demo, change_answers: Callable[[Change], None]
) -> None:
    garden.index.publish(pea())
    change_answers(changed_file(core_metadata=None, dist_info_metadata=True))
    assert service.get_summary("pea") == "Peas and pods"


@pytest.mark.parametrize(
    "keys",
    [
        {"core_metadata": None, "dist_info_metadata": None},
        {"core_metadata": False, "dist_info_metadata": False},
        {"core_metadata": {"sha256": "0" * 64}},
        {"url": "ftp://files.invalid/pea-1.0-py3-none-any.whl"},
        {"url": "/nowhere/pea-1.0-py3-none-any.whl"},
        {"url": "http://[::1"},
        {"url": "http://127.0.0.1:1/pea-1.0-py3-none-any.whl"},
    ],
)
def test_nothing_is_shown_without_a_metadata_file_that_can_be_trusted(
    service: PackageService,
    garden: Demo,
    change_answers: Callable[[Change], None],
    keys: dict[str, object],
) -> None:
    garden.index.publish(pea())
    change_answers(changed_file(**keys))
    assert service.get_summary("pea") == ""
    if "url" not in keys and not keys["core_metadata"]:
        assert not any(path.endswith(".metadata") for path in garden.index.requests)


def test_index_that_knows_only_html_gives_no_summary(
    service: PackageService, garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    garden.index.publish(pea())
    respond = garden.index._respond
    monkeypatch.setattr(garden.index, "_respond", lambda target, _: respond(target, "text/html"))
    assert service.get_summary("pea") == ""


def test_missing_project_is_an_error(service: PackageService) -> None:
    with pytest.raises(ProjectNotFound):
        service.get_summary("nothing-there")


def test_project_without_a_release_for_this_python_has_no_summary(
    service: PackageService, garden: Demo
) -> None:
    garden.index.publish(pea(requires_python=">=9"))
    assert service.get_summary("pea") == ""
