"""Names that indexes list are suggested; an index without a list, or a hostile one, gives none."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import pytest

from pkgwidgets import PackageService
from pkgwidgets.backends.config.index_sources import IndexSources
from pkgwidgets.backends.index.name_file import NameFile
from pkgwidgets.backends.index.project_names import IndexProjectNames
from pkgwidgets.core.errors import IndexUnavailable, ProjectNotFound
from pkgwidgets.demo import Demo, index_server
from pkgwidgets.demo.index_pages import JSON
from pkgwidgets.demo.index_server import DemoIndex
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import suggestions

ROOT = "/simple/"
Answer = Callable[..., None]


def wheels(*names: str) -> list[BuiltWheel]:
    return [BuiltWheel(name=name, version="1.0", files={}) for name in names]


def names_of(*indexes: str, folder: Path) -> IndexProjectNames:
    return IndexProjectNames(lambda: IndexSources(indexes=indexes), folder)


def requests_of_the_list(index: DemoIndex) -> int:
    return index.requests.count(ROOT)


@pytest.fixture
def answer(garden: Demo, monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Let the index answer the request for its list in another way."""
    respond = garden.index._respond

    def set_answer(body: object, media_type: str = JSON, status: int = 200) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        response = index_server._Response(HTTPStatus(status), content, media_type)

        def answered(target: str, accept: str) -> index_server._Response:
            usual = respond(target, accept)
            return response if target == ROOT else usual

        monkeypatch.setattr(garden.index, "_respond", answered)

    return set_answer


def page(*names: object) -> dict[str, object]:
    return {"meta": {"api-version": "1.4"}, "projects": [{"name": name} for name in names]}


def test_names_of_the_index_follow_those_seen_before(service: PackageService, garden: Demo) -> None:
    garden.index.publish(*wheels("Rain_Coat", "rain", "rainbow-beans"))
    assert service.suggest_projects() == suggestions.seen_names(service._backend)
    assert garden.index.requests == []
    suggested = ("raintable", "rain", "rain-coat", "rainbow-beans")
    assert service.suggest_projects("RAIN") == suggested
    assert service.suggest_projects("pip install rain>=1", limit=2) == suggested[:2]
    assert requests_of_the_list(garden.index) == 1


def test_well_known_names_come_before_other_names(service: PackageService, garden: Demo) -> None:
    garden.index.publish(*wheels("pyyaml", "pyy", "pyya"))
    assert service.suggest_projects("pyy") == ("pyyaml", "pyy", "pyya")


def test_mistyped_names_are_corrected(service: PackageService, garden: Demo) -> None:
    garden.index.publish(*wheels("numbeans", "beansn"))
    for typed in ("numbeanss", "nubmeans", "numbean_s", "numbaens", "nunbeans"):
        assert service.suggest_projects(typed) == ("numbeans",)
    for call in (service.plan_install, service.list_releases):
        with pytest.raises(ProjectNotFound, match=r"Did you mean numbeans\?"):
            call("numbeanz")


def test_list_is_fetched_once_a_day_and_confirmed_by_its_tag(garden: Demo, tmp_path: Path) -> None:
    names = names_of(garden.index_url, folder=tmp_path)
    names.refresh()
    (kept,) = tmp_path.rglob("*.txt")
    content = kept.read_bytes()
    again = names_of(garden.index_url, folder=tmp_path)  # another process
    again.refresh()
    assert requests_of_the_list(garden.index) == 1
    for hours, asked in ((23, 1), (25, 2), (-1, 3)):  # the last is a clock that was wrong
        os.utime(kept, (0, time.time() - hours * 3600))
        again.refresh()
        assert requests_of_the_list(garden.index) == asked
    assert kept.read_bytes() == content  # the answers were 304
    garden.index.publish(*wheels("seedbox"))
    os.utime(kept, (0, 0))
    again.refresh()
    assert again.starting_with("seedb", 5) == ("seedbox",)


def test_hostile_names_are_dropped(garden: Demo, answer: Answer, tmp_path: Path) -> None:
    hostile = ["pea\nx", "<b>pea</b>", "pea‮", "../pea", "pea ", "", 7, None, "pea" * 50, "péa"]
    answer(page("Pea.Pod", *hostile, "pea"))
    names = names_of(garden.index_url, folder=tmp_path)
    names.refresh()
    assert names.starting_with("", 100) == ("pea", "pea-pod")
    assert names.listed(["pea", "pea-pod", "pod", "pea\n", "\udce4"]) == {"pea", "pea-pod"}


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"", "text/plain", 404),
        (b"", "text/plain", 406),
        (b"", "text/plain", 403),
        (b"", "text/plain", 503),
        (b"\x89PNG", "image/png", 200),
        (b"{", JSON, 200),
        (b'{"projects": "pea"}', JSON, 200),
        ({"meta": {"api-version": "2.0"}, "projects": [{"name": "pea"}]}, JSON, 200),
        ({"projects": {}}, JSON, 200),
        (b"<title>Welcome to our hotel</title><a href='/login'>pea</a>", "text/html", 200),
    ],
)
def test_index_without_a_list_gives_nothing_and_is_asked_once(
    garden: Demo, answer: Answer, tmp_path: Path, body: object, media_type: str, status: int
) -> None:
    answer(body, media_type, status)
    names = names_of(garden.index_url, folder=tmp_path)
    for _ in range(2):
        names.refresh()
        assert names.starting_with("p", 5) == ()
    assert requests_of_the_list(garden.index) == 1


def test_failing_index_keeps_the_last_list(garden: Demo, answer: Answer, tmp_path: Path) -> None:
    names_of(garden.index_url, folder=tmp_path).refresh()
    (kept,) = tmp_path.rglob("*.txt")
    os.utime(kept, (0, 0))
    answer(b"", "text/plain", 503)
    names = names_of(garden.index_url, folder=tmp_path)
    names.refresh()
    assert names.starting_with("seed", 5) == ("seedshelf",)


def test_page_of_links_is_read_if_the_server_knows_no_json(
    garden: Demo, answer: Answer, tmp_path: Path
) -> None:
    links = (
        b'<a href="/simple/pea-pod/">Pea_Pod</a><br><A class=x href=pea/>pea/</A> <a href=b>c</a>'
    )
    answer(b"<title>Simple index</title>" + links, "text/html; charset=utf-8")
    names = names_of(garden.index_url, folder=tmp_path)
    names.refresh()
    assert names.starting_with("", 5) == ("pea", "pea-pod")


def test_indexes_are_merged_in_their_order(garden: Demo, tmp_path: Path) -> None:
    folder = tmp_path / "local" / "pea-local"
    folder.mkdir(parents=True)
    with DemoIndex(wheels("pea-first", "pea")) as first, DemoIndex(wheels("peas", "pea")) as last:
        urls = (first.url, folder.parent.as_uri(), last.url)
        names = names_of(*urls, folder=tmp_path / "cache")
        names.refresh()
        assert names.starting_with("pea", 9) == ("pea", "pea-first", "pea-local", "peas")
        assert names.listed(["peas", "pea-local", "pods"]) == {"peas", "pea-local"}


def test_unreadable_configuration_gives_nothing(tmp_path: Path) -> None:
    def fail() -> IndexSources:
        raise IndexUnavailable("http://index.invalid/", "its configuration cannot be read")

    names = IndexProjectNames(fail, tmp_path)
    names.refresh()
    assert (names.starting_with("p", 5), names.listed(["pea"])) == ((), frozenset())


def test_credentials_reach_the_index_and_no_file(garden: Demo, tmp_path: Path) -> None:
    with_secret = garden.index_url.replace("//", "//user:secret-word@")
    names = names_of(with_secret, folder=tmp_path)
    names.refresh()
    assert names.starting_with("seeds", 5) == ("seedshelf",)
    (kept,) = tmp_path.rglob("*.txt")
    assert b"secret-word" not in kept.read_bytes()
    assert kept.stat().st_mode & 0o077 == 0


# --- the file


def test_search_finds_what_a_plain_search_finds(tmp_path: Path) -> None:
    chance = random.Random(7)
    names = {bytes(chance.choices(b"ab-1", k=chance.randint(1, 6))) for _ in range(500)}
    file = NameFile(tmp_path / "names.txt")
    file.write(names, '"tag 1"')
    assert file.etag() == '"tag 1"'
    for prefix in {b"", b"zzz", b"-", *(name[:3] for name in names)}:
        assert file.starting_with(prefix) == sorted(n for n in names if n.startswith(prefix))
    asked = {*names, b"zzz", b"", b"a\nb", *(name + b"b" for name in names)}
    assert file.listed(asked) == names


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[5:],
        lambda content: content + b"pod\n",
        lambda content: b"\0" * len(content),
    ],
)
def test_damaged_file_counts_as_missing(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "names.txt"
    file = NameFile(path)
    file.write([b"pea"], "")
    assert (file.starting_with(b"p"), file.age() is None) == ([b"pea"], False)
    path.write_bytes(damage(path.read_bytes()))
    assert (file.starting_with(b"p"), file.age(), file.etag()) == ([], None, "")
    assert file.listed([b"pea"]) == set()
