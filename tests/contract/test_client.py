"""A failing index affects only its own answers; cached ones are used and marked as stale."""

from __future__ import annotations

import gzip
import json
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep, time

import pytest
from packaging.utils import NormalizedName, canonicalize_name

from pkgwidgets.backends.config import index_selection
from pkgwidgets.backends.http import client, response
from pkgwidgets.backends.http.circuit_breaker import CircuitBreaker
from pkgwidgets.backends.index.cache import ReleaseCache
from pkgwidgets.backends.index.simple import SimpleIndex
from pkgwidgets.core.errors import Cancelled, IndexUnavailable, PkgwidgetsError
from pkgwidgets.core.events import Event
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.releases import Release, ReleaseList

JSON = "application/vnd.pypi.simple.v1+json"
IDS = [canonicalize_name(f"pea-{number}") for number in range(60)]

Reply = tuple[int, dict[str, str], bytes]


def page(name: str, *versions: str) -> bytes:
    stem = name.replace("-", "_")
    files = [{"filename": f"{stem}-{version}-py3-none-any.whl"} for version in versions]
    return json.dumps({"meta": {"api-version": "1.1"}, "name": name, "files": files}).encode()


def good(path: str) -> Reply:
    name = path.strip("/").rpartition("/")[2]
    return 200, {"Content-Type": JSON, "ETag": '"1"'}, page(name, "2.0", "1.0")


@dataclass
class Server:
    """The reply for each path, and the received requests."""

    reply: Callable[[str], Reply] = good
    url: str = ""
    requests: list[tuple[str, str | None]] = field(default_factory=list)


@contextmanager
def running(server: Server) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            server.requests.append((self.path, self.headers.get("If-None-Match")))
            status, headers, body = server.reply(self.path)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        listener.daemon_threads = True
        server.url = f"http://127.0.0.1:{listener.server_port}/simple/"
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        listener.shutdown()
        thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with running(Server()) as started:
        yield started


@pytest.fixture
def index(server: Server, tmp_path: Path) -> SimpleIndex:
    return SimpleIndex(
        index_selection.sources_for_url(server.url), ReleaseCache(server.url, tmp_path)
    )


def versions(answer: Sequence[Release] | PkgwidgetsError) -> list[str]:
    assert not isinstance(answer, PkgwidgetsError), answer
    return [str(release.version) for release in answer]


@pytest.mark.parametrize("body", [b"", b"moved" * 100])
def test_redirect_is_followed_for_every_project(
    server: Server, index: SimpleIndex, body: bytes
) -> None:
    def moved(path: str) -> Reply:
        if path.startswith("/simple/"):
            return 302, {"Location": path.replace("/simple/", "/elsewhere/")}, body
        return good(path)

    server.reply = moved
    answers = index.releases_of(IndexQuery(IDS))
    assert [versions(answers[name]) for name in IDS] == [["2.0", "1.0"]] * len(IDS)


def test_single_failed_response_is_retried(server: Server, index: SimpleIndex) -> None:
    seen: set[str] = set()

    def once(path: str) -> Reply:
        if path in seen:
            return good(path)
        seen.add(path)
        return 503, {}, b""

    server.reply = once
    answers = index.releases_of(IndexQuery(IDS))
    assert [versions(answers[name]) for name in IDS] == [["2.0", "1.0"]] * len(IDS)


def test_host_that_keeps_failing_is_not_asked_for_a_minute(
    server: Server, index: SimpleIndex
) -> None:
    server.reply = lambda path: (500, {"Retry-After": "99999"}, b"")
    many = [canonicalize_name(f"pod-{number}") for number in range(300)]
    answers = index.releases_of(IndexQuery(many))
    assert all(isinstance(answer, IndexUnavailable) for answer in answers.values())
    assert len(server.requests) < 200
    assert "asks it again in 60 seconds" in str(answers[many[-1]])


@pytest.mark.parametrize("text", ["²", "9" * 5000, "-1", "soon", ""])
@pytest.mark.parametrize("name", ["Cache-Control", "Age", "Retry-After"])
def test_invalid_number_in_a_header_is_ignored(
    server: Server, index: SimpleIndex, name: str, text: str
) -> None:
    value = f"max-age={text}" if name == "Cache-Control" else text
    encoded = value.encode().decode("latin-1")
    server.reply = lambda path: (200, good(path)[1] | {name: encoded}, good(path)[2])
    first, again = (
        index.releases_of(IndexQuery(IDS[:1], refresh=refresh)) for refresh in (False, True)
    )
    assert versions(first[IDS[0]]) == versions(again[IDS[0]]) == ["2.0", "1.0"]


def _reply(headers: dict[str, str]) -> Callable[[str], Reply]:
    return lambda path: (200, good(path)[1] | headers, good(path)[2])


@pytest.mark.parametrize(
    ("headers", "requests"),
    [
        ({"Cache-Control": "max-age=600, public"}, 1),
        ({"Cache-Control": "max-age=600", "Age": "600"}, 2),
        ({"Cache-Control": "no-cache, max-age=600"}, 2),
        ({}, 2),
    ],
    ids=["fresh", "aged", "no-cache", "nothing said"],
)
def test_fresh_cached_page_is_not_requested_again(
    server: Server, index: SimpleIndex, headers: dict[str, str], requests: int
) -> None:
    server.reply = _reply(headers)
    for _ in range(2):
        assert versions(index.releases_of(IndexQuery(IDS[:1]))[IDS[0]]) == ["2.0", "1.0"]
    assert len(server.requests) == requests
    assert [known for _, known in server.requests] == [None, '"1"'][:requests]


def test_unchanged_page_is_taken_from_the_cache_after_304(
    server: Server, index: SimpleIndex
) -> None:
    index.releases_of(IndexQuery(IDS[:1]))
    server.reply = lambda path: (304, {"ETag": '"1"'}, b"")
    assert versions(index.releases_of(IndexQuery(IDS[:1], refresh=True))[IDS[0]]) == ["2.0", "1.0"]


def test_cached_result_is_used_with_a_reason_if_the_index_fails(
    server: Server, index: SimpleIndex
) -> None:
    index.releases_of(IndexQuery(IDS[:1]))
    server.reply = lambda path: (403, {}, b"")
    answers = index.releases_of(IndexQuery(IDS[:2]))
    kept = answers[IDS[0]]
    assert isinstance(kept, ReleaseList)
    assert versions(kept) == ["2.0", "1.0"]
    assert kept.stale_reason.endswith(
        "is not available: it answered HTTP 403; last checked a moment ago"
    )
    assert isinstance(answers[IDS[1]], IndexUnavailable)


def test_partial_cached_result_does_not_replace_a_full_one(
    server: Server, index: SimpleIndex
) -> None:
    def newest(name: NormalizedName, release: Release) -> bool:
        return True

    assert versions(index.releases_of(IndexQuery(IDS[:1], stop_at=newest))[IDS[0]]) == ["2.0"]
    server.reply = lambda path: (403, {}, b"")
    assert versions(index.releases_of(IndexQuery(IDS[:1], stop_at=newest))[IDS[0]]) == ["2.0"]
    assert isinstance(index.releases_of(IndexQuery(IDS[:1]))[IDS[0]], IndexUnavailable)


def test_page_cached_by_a_clock_ahead_is_not_fresh(
    server: Server, index: SimpleIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.reply = _reply({"Cache-Control": "max-age=600"})
    with monkeypatch.context() as ahead:
        ahead.setattr("pkgwidgets.backends.index.simple.time", lambda: time() + 86_400)
        index.releases_of(IndexQuery(IDS[:1]))
    index.releases_of(IndexQuery(IDS[:1]))
    assert len(server.requests) == 2


@pytest.mark.parametrize("damage", [b"", b"no database", b"SQLite format 3\x00" + b"x" * 5000])
def test_damaged_cache_is_recreated(server: Server, tmp_path: Path, damage: bytes) -> None:
    for number in range(2):
        index = SimpleIndex(
            index_selection.sources_for_url(server.url), ReleaseCache(server.url, tmp_path)
        )
        assert versions(index.releases_of(IndexQuery(IDS[:1]))[IDS[0]]) == ["2.0", "1.0"]
        if number == 0:
            for file in tmp_path.iterdir():
                file.unlink() if file.name.endswith(("-wal", "-shm")) else file.write_bytes(damage)
    kept = ReleaseCache(server.url, tmp_path).get(IDS[:1])
    assert [str(release.version) for release in kept[IDS[0]].releases] == ["2.0", "1.0"]


def test_check_works_without_a_writable_cache(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "a file"
    folder.write_text("in its place")
    index = SimpleIndex(
        index_selection.sources_for_url(server.url), ReleaseCache(server.url, folder)
    )
    assert versions(index.releases_of(IndexQuery(IDS[:1]))[IDS[0]]) == ["2.0", "1.0"]


def test_two_threads_can_use_one_cache_at_once(server: Server, tmp_path: Path) -> None:
    """Both request and cache at once; nothing is lost and no thread waits."""
    errors: list[object] = []

    def ask() -> None:
        index = SimpleIndex(
            index_selection.sources_for_url(server.url), ReleaseCache(server.url, tmp_path)
        )
        for _ in range(5):
            answers = index.releases_of(IndexQuery(IDS, refresh=True))
            errors.extend(a for a in answers.values() if isinstance(a, PkgwidgetsError))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(ReleaseCache(server.url, tmp_path).get(IDS)) == len(IDS)


def test_waiting_for_a_silent_index_can_be_cancelled(server: Server, index: SimpleIndex) -> None:
    silent = threading.Event()

    def never(path: str) -> Reply:
        silent.wait(20)
        return good(path)

    def cancel(event: Event) -> None:
        if monotonic() - begun > 0.3:
            raise Cancelled("")

    server.reply, begun = never, monotonic()
    with pytest.raises(Cancelled):
        index.releases_of(IndexQuery(IDS[:1]), cancel)
    waited = monotonic() - begun
    silent.set()
    assert waited < 5


@pytest.mark.parametrize(
    ("text", "number"), [("12", 12), ("0", 0), ("²", None), ("-1", None), ("9" * 12, None)]
)
def test_header_number_accepts_only_plain_digits(text: str, number: int | None) -> None:
    assert response.parse_number(text) == number


def breaker_after(*begun_and_ended: tuple[float, float]) -> CircuitBreaker:
    row = CircuitBreaker()
    for begun, ended in begun_and_ended:
        row.record_failure(begun, ended)
    return row


def test_circuit_opens_after_five_failures_in_a_row() -> None:
    row = breaker_after((0, 1), (1, 2), (2, 3), (3, 4))
    assert row.open_until == 0
    row.record_failure(4, 5)
    assert row.open_until == 65


def test_requests_open_during_the_first_failure_do_not_count() -> None:
    row = breaker_after(*((0.5, 1.0) for _ in range(40)), *((2, 3) for _ in range(3)))
    assert row.open_until == 0
    row.record_failure(2, 3)
    assert row.open_until == 63


def test_success_resets_the_failure_count() -> None:
    row = breaker_after(*((number, number + 1) for number in range(4)))
    row.reset()
    for number in range(10, 14):
        row.record_failure(number, number + 1)
    assert row.open_until == 0


def test_failures_while_the_circuit_is_open_do_not_prolong_it() -> None:
    row = breaker_after(*((number, number + 1) for number in range(5)), *((3, 6) for _ in range(9)))
    assert row.open_until == 65
    row.record_failure(70, 71)
    assert row.open_until == 65


def test_failing_index_gets_no_sixth_request(server: Server, index: SimpleIndex) -> None:
    server.reply = lambda path: (500, {"Retry-After": "99999"}, b"")
    for name in IDS[:6]:
        assert isinstance(index.releases_of(IndexQuery([name]))[name], IndexUnavailable)
    assert len(server.requests) == 5


def test_failing_and_slow_projects_do_not_affect_the_others(
    server: Server, index: SimpleIndex
) -> None:
    """The order varies; in the worst case all failing projects come first."""
    many = [canonicalize_name(f"pod-{number}") for number in range(200)]
    failing, slow = set(many[:20]), set(many[20:40])

    def mixed(path: str) -> Reply:
        name = path.strip("/").rpartition("/")[2]
        if name in slow:
            sleep(5)
        return (503, {}, b"") if name in failing else good(path)

    server.reply, begun = mixed, monotonic()
    answers = index.releases_of(IndexQuery(many))
    rows = [project for project in many if not isinstance(answers[project], PkgwidgetsError)]
    assert {*many} - failing - slow <= {*rows}
    assert monotonic() - begun < 30


def test_redirect_loop_is_reported(server: Server, index: SimpleIndex) -> None:
    server.reply = lambda path: (302, {"Location": path}, b"")
    answer = index.releases_of(IndexQuery(IDS[:1]))[IDS[0]]
    assert "too many redirects" in str(answer)
    assert len(server.requests) < 40


def _compressed(body: bytes, path: str) -> Reply:
    return 200, {"Content-Encoding": "gzip"}, body


def get_once(server: Server) -> response.Response:
    return client.Client(server.url, {}, at_once=1).get("pea/", {}, until=monotonic() + 30)


@pytest.mark.parametrize("size", [0, 1, (2 << 20) - 1, 2 << 20, (2 << 20) + 1, 5 << 20])
def test_gzip_page_of_any_size_is_decompressed_completely(server: Server, size: int) -> None:
    for body in (b"x" * size, random.Random(size).randbytes(size)):
        packed = gzip.compress(body, 1)
        server.reply = partial(_compressed, packed)
        assert get_once(server).body == body


def test_truncated_gzip_page_is_an_error(server: Server) -> None:
    cut = gzip.compress(b"x" * (4 << 20))[:-9]
    server.reply = partial(_compressed, cut)
    with pytest.raises(response.RequestFailed, match="the connection was lost"):
        get_once(server)
