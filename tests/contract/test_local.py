"""A folder as an index, alone and beside other indexes."""

from __future__ import annotations

import socket
from pathlib import Path
from time import monotonic

import pytest
from packaging.utils import canonicalize_name

from pkgwidgets.backends.config.index_sources import IndexSources, absolute_index_url
from pkgwidgets.backends.http.http_limits import HttpLimits
from pkgwidgets.backends.index.index_limits import IndexLimits
from pkgwidgets.backends.index.local import LocalIndex
from pkgwidgets.backends.index.multi import MultiIndex
from pkgwidgets.core.errors import IndexUnavailable, PkgwidgetsError, ProjectNotFound
from pkgwidgets.core.events import Event
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import ProjectAnswered
from pkgwidgets.core.releases import ReleaseList
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel

PEA = canonicalize_name("pea")
POD = canonicalize_name("pod")
SEED = canonicalize_name("seedshelf")


def page(folder: Path, name: str, *versions: str) -> None:
    links = (
        f'<a href="../../files/{name}-{version}-py3-none-any.whl#sha256={"0" * 64}">x</a>'
        for version in versions
    )
    (folder / name).mkdir(parents=True, exist_ok=True)
    text = f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>"
    (folder / name / "index.html").write_text(text)


def versions(answer: object) -> list[str]:
    assert isinstance(answer, ReleaseList), answer
    return [str(release.version) for release in answer]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    page(tmp_path / "simple", "pea", "1.9", "1.10")
    return tmp_path / "simple"


def test_folder_is_read_like_an_index(folder: Path) -> None:
    events: list[Event] = []
    answers = LocalIndex(folder.as_uri() + "/").releases_of(IndexQuery([PEA, POD]), events.append)
    assert versions(answers[PEA]) == ["1.10", "1.9"]
    assert isinstance(answers[POD], ProjectNotFound)
    assert {e.id: e.answer for e in events if isinstance(e, ProjectAnswered)} == answers
    assert [(event.done, event.total) for event in events] == [(1, 2), (2, 2)]


def test_unreadable_folder_index_is_reported(folder: Path) -> None:
    (folder / "pod").mkdir()
    (folder / "pod" / "index.html").write_text("<html><body>Please log in.</body></html>")
    error = LocalIndex(folder.as_uri()).releases_of(IndexQuery([POD]))[POD]
    assert isinstance(error, IndexUnavailable)
    assert "cannot be read" in error.reason
    gone = LocalIndex((folder / "gone").as_uri()).releases_of(IndexQuery([PEA]))[PEA]
    assert isinstance(gone, IndexUnavailable)
    assert gone.reason == "the folder does not exist"


@pytest.fixture
def index_url(garden: Demo) -> str:
    garden.index.publish(BuiltWheel(name="pea", version="2.0"))
    return garden.index_url


def joined(strategy: str, *indexes: str) -> MultiIndex:
    return MultiIndex(lambda: IndexSources(indexes=indexes, strategy=strategy))


@pytest.mark.parametrize(
    ("strategy", "newest"), [("", "1.10"), ("unsafe-best-match", "2.0")], ids=["uv", "pip"]
)
def test_folder_is_used_beside_an_index(
    folder: Path, index_url: str, strategy: str, newest: str, empty_index_cache: None
) -> None:
    events: list[Event] = []
    index = joined(strategy, folder.as_uri(), index_url)
    answers = index.releases_of(IndexQuery([PEA, SEED]), events.append)
    assert versions(answers[PEA])[0] == newest
    assert versions(answers[SEED])
    # The reported answer of each project is its final one, reported once.
    project_answers = [event for event in events if isinstance(event, ProjectAnswered)]
    assert {event.id: event.answer for event in project_answers} == answers
    assert len(project_answers) == 2
    assert events[-1].done == events[-1].total == 2


def test_missing_index_marks_the_release_list_as_incomplete(
    tmp_path: Path, index_url: str, empty_index_cache: None
) -> None:
    index = joined("unsafe-best-match", (tmp_path / "gone").as_uri(), index_url)
    answers = index.releases_of(IndexQuery([PEA, POD]))
    pea = answers[PEA]
    assert isinstance(pea, ReleaseList)
    assert versions(pea) == ["2.0"]
    assert "the folder does not exist" in pea.stale_reason
    assert isinstance(answers[POD], PkgwidgetsError)


def test_password_in_an_address_without_scheme_is_not_shown(tmp_path: Path) -> None:
    address = "bob:s3cretpw@nexus.invalid/simple"
    sources = IndexSources(indexes=(absolute_index_url(address),), links=(address,))
    assert "s3cretpw" not in sources.shown
    assert "s3cretpw" in sources.secrets
    index = MultiIndex(lambda: sources)
    assert "s3cretpw" not in index.url
    assert "s3cretpw" not in repr(index.releases_of(IndexQuery([PEA])))


def test_path_of_a_folder_becomes_its_file_url(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    for address in ("simple", "./simple", str(folder)):
        assert absolute_index_url(address).rstrip("/") == folder.as_uri()
    for address in ("https://host.invalid/simple", "file:///x"):
        assert absolute_index_url(address) == address


def test_all_sources_share_one_time_limit(empty_index_cache: None) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        host = f"http://127.0.0.1:{silent.getsockname()[1]}"
        limits = IndexLimits(round_seconds=2.0, http=HttpLimits(read_seconds=3.0))
        sources = IndexSources(
            indexes=(f"{host}/a/", f"{host}/b/", f"{host}/c/"),
            links=(f"{host}/d",),
            strategy="unsafe-best-match",
        )
        started = monotonic()
        index = MultiIndex(lambda: sources, limits=limits)
        answers = index.releases_of(IndexQuery([PEA, POD]))
        assert monotonic() - started < 20  # four of them, thrice three seconds each
    assert all(isinstance(answer, IndexUnavailable) for answer in answers.values())
