"""An index answers with releases or an error for each project, and reveals no credentials."""

from __future__ import annotations

import json
import random
import socket
import sqlite3
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import time
from typing import Any

import pytest
from fakes import Kit
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.backends.config import index_selection
from pkgwidgets.backends.http.http_limits import HttpLimits
from pkgwidgets.backends.http.network_settings import NetworkSettings
from pkgwidgets.backends.http.response import RequestFailed
from pkgwidgets.backends.index.cache import CachedProject, ReleaseCache
from pkgwidgets.backends.index.find_links import FindLinks
from pkgwidgets.backends.index.index_limits import IndexLimits
from pkgwidgets.backends.index.simple import SimpleIndex
from pkgwidgets.core.compatibility import compatible_wheels
from pkgwidgets.core.errors import (
    Cancelled,
    IndexUnavailable,
    InvalidRequest,
    PkgwidgetsError,
    ProjectNotFound,
)
from pkgwidgets.core.events import Event
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import Index, ProjectAnswered
from pkgwidgets.core.releases import Release, ReleaseList, Wheel
from pkgwidgets.demo.wheel_builder import BuiltWheel

JSON = "application/vnd.pypi.simple.v1+json"
PEA = canonicalize_name("pea")


def releases(index: Index, name: str) -> Sequence[Release]:
    answer = index.releases_of(IndexQuery([canonicalize_name(name)]))[canonicalize_name(name)]
    assert not isinstance(answer, PkgwidgetsError)
    return answer


# --- the fake and the real one


def test_releases_are_listed_latest_first_with_their_details(kit: Kit) -> None:
    wheel = BuiltWheel(
        name="Pea_Pod",
        version="2.0",
        requires_python=">=3.8",
        uploaded=datetime(2026, 3, 1, tzinfo=UTC),
    )
    kit.publish(BuiltWheel(name="Pea_Pod", version="1.9", yanked="burst"))
    kit.publish(wheel, BuiltWheel(name="Pea_Pod", version="1.10"))
    listed = releases(kit.backend.index, "pea-pod")
    assert [str(release.version) for release in listed] == ["2.0", "1.10", "1.9"]
    assert [release.yanked for release in listed] == [False, False, True]
    assert listed[0].uploaded == datetime(2026, 3, 1, tzinfo=UTC)
    (file,) = listed[0].wheels
    assert file == Wheel(
        filename="pea_pod-2.0-py3-none-any.whl",
        sha256=wheel.sha256,
        size=len(wheel.data),
        requires_python=SpecifierSet(">=3.8"),
    )


def test_failed_project_has_its_error_as_result(kit: Kit) -> None:
    ids = [canonicalize_name(name) for name in ("seedshelf", "nothing")]
    events: list[Event] = []
    answers = kit.backend.index.releases_of(IndexQuery(ids), events.append)
    assert isinstance(answers[ids[1]], ProjectNotFound)
    assert not isinstance(answers[ids[0]], PkgwidgetsError)
    project_answers = [event for event in events if isinstance(event, ProjectAnswered)]
    assert [(event.done, event.total) for event in project_answers] == [(1, 2), (2, 2)]
    assert {event.id: event.answer for event in project_answers} == answers


def test_unavailable_index_is_the_result_of_every_project(kit: Kit) -> None:
    kit.go_down()
    ids = [canonicalize_name(name) for name in ("seedshelf", "raintable")]
    answers = kit.backend.index.releases_of(IndexQuery(ids))
    assert set(answers) == set(ids)
    assert all(isinstance(answer, IndexUnavailable) for answer in answers.values())


def test_request_for_no_projects_returns_nothing(kit: Kit) -> None:
    assert kit.backend.index.releases_of(IndexQuery([])) == {}


def test_exception_from_the_reporter_stops_the_requests(kit: Kit) -> None:
    def cancel(event: Event) -> None:
        raise Cancelled("")

    with pytest.raises(Cancelled):
        kit.backend.index.releases_of(IndexQuery([PEA, canonicalize_name("pod")]), cancel)


@pytest.mark.parametrize(("newest", "seen"), [("1.10", 1), ("1.9", 2), ("0", 3)])
def test_listing_stops_at_the_first_sufficient_release(kit: Kit, newest: str, seen: int) -> None:
    kit.publish(*(BuiltWheel(name="pea", version=version) for version in ("1.8", "1.10", "1.9")))
    answers = kit.backend.index.releases_of(
        IndexQuery(
            [PEA], stop_at=lambda name, release: name == PEA and release.version == Version(newest)
        )
    )
    answer = answers[PEA]
    assert not isinstance(answer, PkgwidgetsError)
    assert [str(release.version) for release in answer] == ["1.10", "1.9", "1.8"][:seen]


def test_stale_release_list_is_used_with_a_reason_after_503(
    server: FakeServer, index: SimpleIndex
) -> None:
    server.files(file())
    assert len(releases(index, "pea")) == 1
    server.status = 503
    answer = index.releases_of(IndexQuery([PEA]))[PEA]
    assert isinstance(answer, ReleaseList)
    assert [str(release.version) for release in answer] == ["1.0"]
    assert "it answered HTTP 503" in answer.stale_reason


def test_only_skipped_versions_may_be_omitted(kit: Kit) -> None:
    kit.publish(*(BuiltWheel(name="pea", version=version) for version in ("1.8", "1.10", "1.9")))
    answer = kit.backend.index.releases_of(
        IndexQuery(
            [PEA],
            stop_at=lambda name, release: release.version == Version("1.8"),
            skip_version=lambda name, version, seen: version == Version("1.9") and len(seen) == 1,
        )
    )[PEA]
    assert not isinstance(answer, PkgwidgetsError)
    listed = [str(release.version) for release in answer]
    assert [version for version in listed if version != "1.9"] == ["1.10", "1.8"]


# --- the real one, with any answer


@dataclass
class FakeServer:
    """A server that gives the same answer to every request."""

    body: bytes = b""
    status: int = 200
    kind: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    url: str = ""
    requests: list[str] = field(default_factory=list)
    authorised: list[str | None] = field(default_factory=list)

    def json(self, page: object) -> None:
        self.body = json.dumps(page).encode()

    def files(self, *files: dict[str, Any]) -> None:
        self.json({"meta": {"api-version": "1.1"}, "name": "pea", "files": files})


@pytest.fixture
def server(empty_index_cache: None) -> Iterator[FakeServer]:
    answers = FakeServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers.requests.append(self.path)
            answers.authorised.append(self.headers.get("Authorization"))
            self.send_response(answers.status)
            if answers.kind:
                self.send_header("Content-Type", answers.kind)
            for name, value in answers.headers.items():
                self.send_header(name, value)
            if "Content-Length" not in answers.headers:
                self.send_header("Content-Length", str(len(answers.body)))
            self.end_headers()
            self.wfile.write(answers.body)

        def log_message(self, format: str, *args: object) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        answers.url = f"http://127.0.0.1:{running.server_address[1]}/simple/"
        thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield answers
        running.shutdown()
        thread.join()


@pytest.fixture
def index(server: FakeServer) -> SimpleIndex:
    return SimpleIndex(index_selection.sources_for_url(server.url))


def failure(index: Index) -> PkgwidgetsError:
    answer = index.releases_of(IndexQuery([PEA]))[PEA]
    assert isinstance(answer, PkgwidgetsError)
    return answer


def file(name: str = "pea-1.0-py3-none-any.whl", **more: Any) -> dict[str, Any]:
    return {"filename": name, "url": "x", "hashes": {"sha256": "0" * 64}} | more


@pytest.mark.parametrize("status", [404, 410])
def test_missing_project_is_reported_after_404_or_410(
    server: FakeServer, index: SimpleIndex, status: int
) -> None:
    server.status = status
    assert str(failure(index)).startswith(f"The index {server.url} has no project pea.")
    assert server.requests == ["/simple/pea/"]


@pytest.mark.parametrize("status", [201, 204, 304, 400, 408, 429, 500, 503])
def test_unexpected_status_is_reported(server: FakeServer, index: SimpleIndex, status: int) -> None:
    server.status = status
    error = failure(index)
    assert isinstance(error, IndexUnavailable)
    assert error.reason == f"it answered HTTP {status}"


@pytest.mark.parametrize(
    ("status", "meaning"),
    [(401, "user name or password missing or wrong"), (403, "access denied")],
)
def test_refused_access_is_explained(
    server: FakeServer, index: SimpleIndex, status: int, meaning: str
) -> None:
    server.status = status
    error = failure(index)
    assert isinstance(error, IndexUnavailable)
    assert error.reason == f"it answered HTTP {status} ({meaning})"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html", b"<html>"),
        ("text/html; charset=utf-8", b"<title>Welcome to our hotel</title>"),
        ("", b'{"files": []}'),
        ("image/png", b'{"files": []}'),
        (JSON, b"<html>"),
        (JSON, b""),
        (JSON + "; charset=utf-8", b'\xef\xbb\xbf{"files": []}'),
        (JSON, b"\xff\xfe\xfd"),
        (JSON, b"[" * 200_000),
        (JSON, b"[1]"),
        (JSON, b"null"),
        (JSON, b"{}"),
        (JSON, b'{"files": null}'),
        (JSON, b'{"files": [null]}'),
        (JSON, b'{"files": [{"filename": 5}]}'),
        (JSON, b'{"meta": null, "files": []}'),
        (JSON, b'{"meta": {"api-version": "2.0"}, "files": []}'),
        (JSON, b'{"files": [{"filename": "pea-1-py3-none-any.whl", "hashes": [1]}]}'),
    ],
    ids=range(18),
)
def test_unreadable_page_is_reported(
    server: FakeServer, index: SimpleIndex, kind: str, body: bytes
) -> None:
    server.kind, server.body = kind, body
    error = failure(index)
    assert isinstance(error, IndexUnavailable)
    assert error.reason.startswith("its page of pea cannot be read (")
    assert len(error.reason) < 300


def test_plain_json_type_and_newer_minor_version_are_accepted(
    server: FakeServer, index: SimpleIndex
) -> None:
    server.kind = "application/json; charset=utf-8"
    server.json({"meta": {"api-version": "1.99"}, "files": [file()], "new": True})
    assert [str(release.version) for release in releases(index, "pea")] == ["1.0"]


def test_refused_connection_is_reported(empty_index_cache: None) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        error = failure(
            SimpleIndex(index_selection.sources_for_url(f"http://127.0.0.1:{port}/simple/"))
        )
    assert isinstance(error, IndexUnavailable)
    assert error.reason == "the connection failed"


def test_truncated_response_is_an_error(server: FakeServer, index: SimpleIndex) -> None:
    server.files(file())
    server.headers["Content-Length"] = str(len(server.body) + 100)
    assert isinstance(failure(index), IndexUnavailable)


def test_too_large_response_is_an_error(server: FakeServer) -> None:
    limits = IndexLimits(http=HttpLimits(max_bytes=1000))
    server.files(file(more="x" * 2000))
    settings = replace(index_selection.sources_for_url(server.url), limits=limits)
    assert "its answer is larger than" in str(failure(SimpleIndex(settings)))


@pytest.mark.parametrize("location", ["/simple/pea/", "file:///etc/passwd", "http://["])
def test_invalid_or_endless_redirect_is_an_error(
    server: FakeServer, index: SimpleIndex, location: str
) -> None:
    server.status, server.headers["Location"] = 302, location
    error = failure(index)
    assert isinstance(error, IndexUnavailable)
    assert location not in error.reason


def test_files_of_other_projects_are_ignored(server: FakeServer, index: SimpleIndex) -> None:
    server.files(
        file(),
        file("pod-9.0-py3-none-any.whl"),
        file("pea-extra-9.0.tar.gz"),
        file("pea-9.0.exe"),
        file("pea-not.a.version-py3-none-any.whl"),
        file("PEA-1.1.zip"),
        file(""),
    )
    listed = releases(index, "pea")
    assert [(str(release.version), len(release.wheels)) for release in listed] == [
        ("1.1", 0),
        ("1.0", 1),
    ]


@pytest.mark.parametrize("size", [None, -1, "7", 1.5, 10**5000], ids=range(5))
def test_invalid_file_size_is_unknown(server: FakeServer, index: SimpleIndex, size: object) -> None:
    monster = isinstance(size, int) and size > 0
    server.files(file(size="MONSTER" if monster else size))
    server.body = server.body.replace(b'"MONSTER"', b"9" * 5000)
    answer = index.releases_of(IndexQuery([PEA]))[PEA]
    sizes = [] if isinstance(answer, PkgwidgetsError) else [w.size for w in answer[0].wheels]
    assert sizes in ([], [None])


@pytest.mark.parametrize("hashes", [{}, {"md5": "00"}])
def test_missing_hash_is_unknown(server: FakeServer, index: SimpleIndex, hashes: object) -> None:
    server.files(file(hashes=hashes))
    assert releases(index, "pea")[0].wheels[0].sha256 is None


@pytest.mark.parametrize("text", ["", "xyz", f"{'0' * 64} --pre", f"{'0' * 64}\n-e /x"])
def test_invalid_hash_is_unknown(server: FakeServer, index: SimpleIndex, text: object) -> None:
    server.files(file(hashes={"sha256": text}))
    answer = index.releases_of(IndexQuery([PEA]))[PEA]
    hashes = [] if isinstance(answer, PkgwidgetsError) else [w.sha256 for w in answer[0].wheels]
    assert hashes in ([], [None])


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-03-01T12:30:00.123456Z", datetime(2026, 3, 1, 12, 30, 0, 123456, UTC)),
        ("2099-01-01T00:00:00Z", datetime(2099, 1, 1, tzinfo=UTC)),
        ("not-a-date", None),
        ("", None),
        (None, None),
    ],
)
def test_upload_time_is_parsed_or_unknown(
    server: FakeServer, index: SimpleIndex, text: str | None, time: datetime | None
) -> None:
    server.files(file() | {"upload-time": text})
    assert releases(index, "pea")[0].uploaded == time


@pytest.mark.parametrize(
    ("texts", "hour"),
    [
        (("2026-03-01T10:00:00+05:00", "2026-03-01T06:00:00Z"), 5),
        (("2026-03-01T01:00:00-09:00", "2026-03-01T08:00:00Z"), 8),
        (("2026-03-01T06:00:00Z", "0-junk-Z"), 6),
        (("2026-03-01T06:00:00Z", "0-junk"), 6),
        (("2026-03-01T06:00:00Z", "2026-03-01T05:00:00"), 6),
    ],
)
def test_release_is_as_old_as_its_first_file(
    server: FakeServer, index: SimpleIndex, texts: tuple[str, str], hour: int
) -> None:
    """Times may have zones; those that cannot be read make a release neither older nor younger."""
    tags = ("py3-none-any", "py2.py3-none-any")
    files = [
        file() | {"filename": f"pea-1.0-{tag}.whl", "upload-time": text}
        for tag, text in zip(tags, texts, strict=True)
    ]
    server.files(*files)
    assert releases(index, "pea")[0].uploaded == datetime(2026, 3, 1, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "specifier"),
    [(">=3.8", SpecifierSet(">=3.8")), (">=3.*", SpecifierSet(">=3")), ("", None), (None, None)],
)
def test_requires_python_is_parsed_or_unknown(
    server: FakeServer, index: SimpleIndex, text: str | None, specifier: SpecifierSet | None
) -> None:
    server.files(file() | {"requires-python": text})
    assert releases(index, "pea")[0].wheels[0].requires_python == specifier


@pytest.mark.parametrize(
    ("marks", "yanked"),
    [((False, False), False), ((True, "why"), True), ((True, False), False), (("", None), False)],
)
def test_release_is_yanked_if_all_of_its_files_are(
    server: FakeServer, index: SimpleIndex, marks: tuple[object, object], yanked: bool
) -> None:
    names = ("pea-1.0-py3-none-any.whl", "pea-1.0.tar.gz")
    server.files(*(file(name, yanked=mark) for name, mark in zip(names, marks, strict=True)))
    assert releases(index, "pea")[0].yanked is yanked


def wheels_of(index: SimpleIndex) -> list[str]:
    return [wheel.filename for wheel in releases(index, "pea")[0].wheels]


TWO = ("pea-1.0-py3-none-any.whl", "pea-1.0-py2.py3-none-any.whl")


def test_yanked_release_keeps_its_wheels(server: FakeServer, index: SimpleIndex) -> None:
    server.files(*(file(name, yanked=True) for name in TWO))
    assert wheels_of(index) == list(TWO)


def test_yanked_wheel_beside_a_good_wheel_is_omitted(
    server: FakeServer, index: SimpleIndex
) -> None:
    server.files(file(TWO[0], yanked="bad"), file(TWO[1]))
    assert wheels_of(index) == [TWO[1]]


def test_yanked_wheel_beside_a_good_sdist_is_omitted(
    server: FakeServer, index: SimpleIndex
) -> None:
    server.files(file(TWO[0], yanked="bad"), file("pea-1.0.tar.gz"))
    assert wheels_of(index) == []


@pytest.mark.parametrize("sdist", ["pea-1.tar.gz", "pea-1.0.0.tar.gz", "pea-01.0.tar.gz"])
def test_two_spellings_of_a_version_are_one_release(
    server: FakeServer, index: SimpleIndex, sdist: str
) -> None:
    server.files(file(), file(sdist))
    (release,) = releases(index, "pea")
    assert release.version == Version("1.0")
    assert [wheel.filename for wheel in release.wheels] == ["pea-1.0-py3-none-any.whl"]


def test_wheels_for_another_platform_are_not_compatible(kit: Kit) -> None:
    kit.publish(BuiltWheel(name="pea", version="1.0", tag="cp27-cp27m-win32"))
    (release,) = releases(kit.backend.index, "pea")
    assert [wheel.filename for wheel in release.wheels] == ["pea-1.0-cp27-cp27m-win32.whl"]
    assert compatible_wheels(release, kit.backend.environment.interpreter) == ()


# --- addresses and secrets


@pytest.mark.parametrize(
    ("status", "body", "location"),
    [(404, b"", ""), (500, b"", ""), (200, b"{", ""), (200, b"{}", ""), (302, b"", "file:///x")],
)
def test_credentials_are_sent_but_not_in_error_messages(
    server: FakeServer, status: int, body: bytes, location: str
) -> None:
    server.status, server.body = status, body
    if location:
        server.headers["Location"] = location
    secret = server.url.replace("//", "//someone:s3cr3t@")
    index = SimpleIndex(index_selection.sources_for_url(secret))
    error = failure(index)
    assert index.url == server.url
    assert set(server.authorised) == {f"Basic {b64encode(b'someone:s3cr3t').decode()}"}
    for text in (str(error), repr(error), str(error.facts), repr(index)):
        assert "s3cr3t" not in text


def test_credentials_of_an_unreachable_index_are_not_shown(empty_index_cache: None) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        index = SimpleIndex(
            index_selection.sources_for_url(f"http://someone:s3cr3t@127.0.0.1:{port}/simple")
        )
        error = failure(index)
    assert "s3cr3t" not in f"{error} {error!r} {index.url}"
    assert index.url == f"http://127.0.0.1:{port}/simple/"


@pytest.mark.parametrize(
    "url", ["", "x", "ftp://host/", "file:///x", "http://", "http:/x", "/simple/"]
)
def test_invalid_index_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match="not a valid index address"):
        index_selection.sources_for_url(url)


@pytest.mark.parametrize("url", ["http://[", "http://[::1/simple/", "http://a:b@[/"])
def test_incomplete_index_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match="not a valid index address"):
        index_selection.sources_for_url(url)


def test_credentials_of_a_refused_url_are_not_shown() -> None:
    with pytest.raises(InvalidRequest) as caught:
        index_selection.sources_for_url("ftp://someone:s3cr3t@host/")
    assert "s3cr3t" not in f"{caught.value} {caught.value!r}"


def serve_versions(server: FakeServer, *versions: str) -> None:
    """Answer with these versions, listed as in PEP 700, and a constant ETag."""
    files = [file(f"pea-{version}-py3-none-any.whl") for version in versions]
    server.json({"meta": {"api-version": "1.1"}, "files": files, "versions": versions})
    server.headers = {"ETag": '"1"', "Cache-Control": "max-age=600"}


def test_skipped_version_is_requested_when_it_is_needed(
    server: FakeServer, index: SimpleIndex
) -> None:
    serve_versions(server, "1.0", "2.0", "3.0")
    forbidden = {Version("2.0"), Version("3.0")}

    def seen() -> list[str]:
        answer = index.releases_of(
            IndexQuery(
                [PEA],
                stop_at=lambda name, release: release.version not in forbidden,
                skip_version=lambda name, version, seen: version in forbidden and bool(seen),
            )
        )[PEA]
        assert not isinstance(answer, PkgwidgetsError)
        return [str(release.version) for release in answer]

    assert seen() == ["3.0", "1.0"]
    assert seen() == ["3.0", "1.0"]
    assert len(server.requests) == 1
    forbidden.remove(Version("2.0"))
    assert seen() == ["3.0", "2.0"]
    assert len(server.requests) == 2


def test_cached_query_answers_what_is_fresh_and_asks_nothing(
    server: FakeServer, index: SimpleIndex
) -> None:
    query = IndexQuery([PEA], cached=True)
    assert index.releases_of(query) == {}
    assert server.requests == []
    serve_versions(server, "1.0")
    assert len(releases(index, "pea")) == 1
    answer = index.releases_of(query)[PEA]
    assert not isinstance(answer, PkgwidgetsError)
    assert [str(release.version) for release in answer] == ["1.0"]
    assert len(server.requests) == 1
    server.headers["Cache-Control"] = "no-cache"
    index.releases_of(IndexQuery([PEA], refresh=True))
    assert index.releases_of(query) == {}
    assert len(server.requests) == 2


def test_page_with_no_store_is_not_cached(server: FakeServer, index: SimpleIndex) -> None:
    serve_versions(server, "1.0")
    server.headers["Cache-Control"] = "max-age=600, no-store"
    for _ in range(2):
        assert len(releases(index, "pea")) == 1
    assert len(server.requests) == 2
    assert ReleaseCache(index.url).get([PEA]) == {}


def test_cache_entries_unused_for_90_days_are_dropped(tmp_path: Path) -> None:
    cache, now = ReleaseCache("here", tmp_path), time()
    pod = canonicalize_name("pod")
    cache.put(
        {
            PEA: CachedProject("", now - 91 * 86_400, now),
            pod: CachedProject("", now - 89 * 86_400, now),
        }
    )
    assert set(ReleaseCache("here", tmp_path).get([PEA, pod])) == {pod}


def test_cache_of_an_older_format_is_not_read(tmp_path: Path) -> None:
    cache, now = ReleaseCache("here", tmp_path), time()
    cache.put({PEA: CachedProject(etag="", asked=now, fresh_until=now + 60)})
    assert set(ReleaseCache("here", tmp_path).get([PEA])) == {PEA}
    (file,) = tmp_path.glob("*.sqlite3")
    file.rename(tmp_path / "index-3.sqlite3")
    assert ReleaseCache("here", tmp_path).get([PEA]) == {}


def test_absurdly_large_file_size_is_unknown(server: FakeServer, index: SimpleIndex) -> None:
    serve_versions(server, "1.0")
    server.body = server.body.replace(b'"url"', b'"size": 1000000000000000000000000000000, "url"')
    for _ in range(2):
        (wheel,) = releases(index, "pea")[0].wheels
        assert wheel.size is None
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "digest", ["0" * 63, "0" * 64 + "\n--index-url http://host.invalid/", "Z" * 64]
)
def test_malformed_sha256_is_dropped_by_index_and_find_links(
    server: FakeServer, digest: str
) -> None:
    server.files(file() | {"hashes": {"sha256": digest}})
    answers = FindLinks(server.url, NetworkSettings()).releases_of(IndexQuery([PEA]))
    (linked,) = answers[PEA][0].wheels
    (indexed,) = releases(SimpleIndex(index_selection.sources_for_url(server.url)), "pea")[0].wheels
    assert linked.sha256 is None
    assert indexed.sha256 is None


@pytest.mark.parametrize(
    "damage",
    [
        "update answers set asked = 'abc'",
        "update answers set etag = x'00'",
        "update answers set facts = 'text'",
        "update answers set fresh_until = null where 0; update answers set project = 'pod'",
    ],
)
def test_damaged_cache_entry_is_requested_again(
    server: FakeServer, index: SimpleIndex, damage: str, tmp_path: Path
) -> None:
    serve_versions(server, "1.0")
    kept = SimpleIndex(index_selection.sources_for_url(server.url), ReleaseCache("here", tmp_path))
    assert len(releases(kept, "pea")) == 1
    with closing(sqlite3.connect(next(tmp_path.glob("*.sqlite3")))) as database:
        database.executescript(damage)
        database.commit()
    kept = SimpleIndex(index_selection.sources_for_url(server.url), ReleaseCache("here", tmp_path))
    for _ in range(2):
        assert len(releases(kept, "pea")) == 1
    assert len(server.requests) == 2


@pytest.mark.parametrize("seed", range(20))
def test_check_works_with_a_corrupted_cache_file(
    server: FakeServer, tmp_path: Path, seed: int
) -> None:
    serve_versions(server, "1.0")
    ids = [canonicalize_name(f"pea-{number}") for number in range(30)]
    SimpleIndex(
        index_selection.sources_for_url(server.url), ReleaseCache("here", tmp_path)
    ).releases_of(IndexQuery(ids))
    chance, (file,) = random.Random(seed), tmp_path.glob("*.sqlite3")
    with closing(sqlite3.connect(file)) as database:
        database.execute("pragma wal_checkpoint(truncate)")
    body = bytearray(file.read_bytes())
    for _ in range(3):
        body[chance.randrange(len(body))] = chance.randrange(256)
    file.write_bytes(body)
    for _ in range(2):
        answers = SimpleIndex(
            index_selection.sources_for_url(server.url), ReleaseCache("here", tmp_path)
        )
        assert set(answers.releases_of(IndexQuery(ids))) == set(ids)


@pytest.mark.parametrize("location", ["http://[bad/", "file:///etc/hosts", "http://host:port/"])
def test_redirect_to_an_invalid_url_is_reported(
    server: FakeServer, index: SimpleIndex, location: str
) -> None:
    server.status, server.headers = 302, {"Location": location}
    error = failure(index)
    assert isinstance(error, IndexUnavailable)
    with pytest.raises(RequestFailed):
        FindLinks(server.url, NetworkSettings()).releases_of(IndexQuery([PEA]))
