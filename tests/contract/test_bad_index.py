"""Forty kinds of bad index behaviour: each affects only its own project."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from textwrap import dedent
from time import monotonic
from typing import Any

import pytest
from bad_index_server import (
    BAD_NAME,
    GOOD_NAME,
    KEPT_OPEN,
    Play,
    Request,
    Server,
    certificates,
    environment,
    file,
    files,
    good,
    page,
    running,
)
from fakes import Oracle
from packaging.utils import canonicalize_name

from pkgwidgets import PackageService
from pkgwidgets.backends.config import index_selection
from pkgwidgets.backends.http import client as client_module
from pkgwidgets.backends.http import response as response_module
from pkgwidgets.backends.http.http_limits import HttpLimits
from pkgwidgets.backends.http.read_response import read_response
from pkgwidgets.backends.index.index_limits import IndexLimits
from pkgwidgets.backends.index.multi import MultiIndex
from pkgwidgets.backends.index.simple import SimpleIndex
from pkgwidgets.connect import connect
from pkgwidgets.core.errors import IndexUnavailable, InstallFailed, PkgwidgetsError, ProjectNotFound
from pkgwidgets.core.events import Event
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.releases import ReleaseList
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import inventory

SUBJECT = canonicalize_name("subject")
HEALTHY = [canonicalize_name(f"healthy-{number}") for number in range(5)]
SECRET = "s3cr3t"
PORTAL = b"<title>Welcome to our hotel</title><a href='/login'>Log in</a><a href='a-1.zip'>Map</a>"


SHORT_LIMITS = IndexLimits(
    round_seconds=20.0,
    http=HttpLimits(connect_seconds=2.0, read_seconds=1.5, answer_seconds=2.0),
)
"""Short limits, so that the tests need not wait for minutes."""


@dataclass(frozen=True)
class Behaviour:
    """How the index behaves for one project, and the expected result.

    `reason` is part of the error in the row; without it the result is correct nevertheless.
    """

    name: str
    play: Play
    reason: str = ""
    requests: int | None = None
    """The number of requests for it; None if the number does not matter."""


def status(line: str, **headers: str) -> Play:
    return lambda request: request.answer(b"trouble", line, **headers)


def body(content: bytes | Callable[[], bytes], **headers: str) -> Play:
    return lambda request: request.answer(content() if callable(content) else content, **headers)


def redirect(line: str, location: Callable[[Request], str]) -> Play:
    return lambda request: request.answer(b"", line, Location=location(request))


def once(play: Play) -> Play:
    return lambda request: (good if request.nth else play)(request)


def endless(data: bytes, gap: float, **headers: str) -> Play:
    def play(request: Request) -> None:
        if headers:
            request.answer(b"", **headers)
        request.dribble(data, gap)

    return play


def reset_after_headers(request: Request) -> None:
    request.answer(b"{", Content_Length="5000")
    request.reset()


def neighbour(name: str, scheme: str = "", host: str = "") -> Callable[[Request], str]:
    def location(request: Request) -> str:
        url = request.server.bystanders[name].url.replace("127.0.0.1", host or "127.0.0.1")
        return f"{scheme or url.partition(':')[0]}:{url.partition(':')[2]}{request.project}/"

    return location


def listing(**more: Any) -> Play:
    """Answer with a page whose latest file, 2.0, has these fields."""
    old, new = files(SUBJECT, "1.0", "2.0")
    return body(page(old, file(new["filename"], **more)))


def with_other_files(*others: dict[str, Any]) -> Play:
    """Answer with a page that has other files beside the good ones."""
    return body(page(*files(SUBJECT, "1.0", "2.0"), *others))


def yanked(mark: object) -> Play:
    return with_other_files(file("subject-9.0-py3-none-any.whl", yanked=mark))


GOOD = page(*files(SUBJECT, "1.0", "2.0"))


def with_long_number(text: bytes) -> bytes:
    return page(*files(SUBJECT, "1.0"), file(f"{SUBJECT}-2.0-py3-none-any.whl", size=0)).replace(
        b'"size": 0', b'"size": ' + text
    )


@cache
def bomb() -> bytes:
    """Return 300 MiB of white space, packed about 1:1000: a second's work, for who runs this."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    chunks = [packer.compress(b" " * (1 << 20)) for _ in range(300)]
    return b"".join([*chunks, packer.flush()])


TOO_LARGE = "its answer is larger than 33.6 MB"
NO_PAGE = "its page of subject cannot be read"

BEHAVIOURS = [
    Behaviour(
        "301 loop",
        redirect("301 Moved Permanently", lambda request: request.path),
        "too many redirects",
    ),
    Behaviour("302 to a file", redirect("302 Found", lambda _: "file:///etc/passwd"), "redirect"),
    Behaviour("302 to another host", redirect("302 Found", neighbour("other", host="localhost"))),
    Behaviour(
        "401",
        status("401 Unauthorized"),
        "it answered HTTP 401 (user name or password missing or wrong)",
        requests=1,
    ),
    Behaviour("403", status("403 Forbidden"), "it answered HTTP 403 (access denied)", requests=1),
    Behaviour("404", status("404 Not Found"), "has no project subject", requests=1),
    Behaviour("408", status("408 Request Timeout"), "it answered HTTP 408", requests=3),
    Behaviour("410", status("410 Gone"), "has no project subject", requests=1),
    Behaviour(
        "429, to be asked again in 5 s",
        once(status("429 Too Many Requests", Retry_After="5")),
        requests=2,
    ),
    Behaviour(
        "429, to be asked again in 99999 s",
        status("429 Too Many Requests", Retry_After="99999"),
        "it answered HTTP 429",
        requests=1,
    ),
    Behaviour("500 once", once(status("500 Internal Server Error")), requests=2),
    Behaviour(
        "503 for ever", status("503 Service Unavailable"), "it answered HTTP 503", requests=3
    ),
    Behaviour(
        "reset after the headers", reset_after_headers, "the connection was lost", requests=3
    ),
    Behaviour(
        "short body",
        body(b'{"files": []}', Content_Length="5000"),
        "the connection was lost",
        requests=3,
    ),
    Behaviour(
        "chunks without end",
        endless(b"1\r\n \r\n", 0.05, Transfer_Encoding="chunked", Content_Length=""),
        "its answer took too long",
        requests=1,
    ),
    Behaviour(
        "a byte now and then",
        endless(b" ", 0.3, Content_Length="5000"),
        "its answer took too long",
        requests=1,
    ),
    Behaviour("no byte at all", endless(b"", 60), "it did not answer in time", requests=3),
    Behaviour(
        "TLS with another's name",
        redirect("302 Found", neighbour(BAD_NAME)),
        "its certificate is not trusted",
    ),
    Behaviour(
        "plain http where TLS is wanted",
        redirect("302 Found", neighbour("other", scheme="https")),
        "TLS",
    ),
    Behaviour("captive portal", body(PORTAL, Content_Type="text/html"), "lists no release"),
    Behaviour("JSON called HTML", body(GOOD, Content_Type="text/html"), NO_PAGE),
    Behaviour("no type", body(GOOD, Content_Type=""), NO_PAGE),
    Behaviour("gzip bomb", body(bomb, Content_Encoding="gzip"), TOO_LARGE, requests=1),
    Behaviour("33 MiB", body(b" " * (33 << 20)), TOO_LARGE, requests=1),
    Behaviour("invalid UTF-8", body(GOOD.replace(b"subject", b"sub\xff\xfect")), NO_PAGE),
    Behaviour("byte order mark", body(b"\xef\xbb\xbf" + GOOD), NO_PAGE),
    Behaviour("200,000 brackets", body(b"[" * 200_000), NO_PAGE),
    Behaviour("NaN", body(GOOD[:-1] + b', "x": NaN}'), NO_PAGE),
    Behaviour("duplicate keys", body(GOOD.replace(b"{", b'{"files": [], ', 1))),
    Behaviour("size of 5,000 digits", body(with_long_number(b"9" * 5000)), NO_PAGE),
    Behaviour("negative size", body(with_long_number(b"-1"))),
    Behaviour("null files", body(b'{"meta": {"api-version": "1.1"}, "files": null}'), NO_PAGE),
    Behaviour(
        "api-version 2.0", body(page(*files(SUBJECT, "9.0"), meta={"api-version": "2.0"})), "2.0"
    ),
    Behaviour("file of another project", with_other_files(file("subject_x-9.0-py3-none-any.whl"))),
    Behaviour(
        "two hashes for one file",
        with_other_files(file("subject-2.0-py3-none-any.whl", hashes={"sha256": "1" * 64})),
    ),
    Behaviour("no hash", listing(hashes={})),
    Behaviour("md5 only", listing(hashes={"md5": "0" * 32})),
    Behaviour("no upload time", listing(upload_time=None)),
    Behaviour("upload time in 2099", listing(upload_time="2099-01-01T00:00:00Z")),
    Behaviour("upload time is no date", listing(upload_time="not-a-date")),
    Behaviour("yanked by a text", yanked("it burst")),
    Behaviour("yanked by true", yanked(True)),
    Behaviour("yanked by an object", yanked({"reason": "it burst"})),
    Behaviour("wheel with another hash", good),
]
"""The list of reliability.md; the upload times and the marks of a yank are three each."""

VARIANTS = 4
"""So many are there more than forty for that."""


def build_wheels(*names: str) -> list[BuiltWheel]:
    return [
        BuiltWheel(name=name, version="1.0", files={f"{name.replace('-', '_')}.py": "grows = 1\n"})
        for name in names
    ]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad-index") / "env"
    return environment(folder, build_wheels(SUBJECT, *HEALTHY))


@pytest.fixture(scope="module", autouse=True)
def _prepare_bomb() -> None:
    """Compress the bomb before any test measures time."""
    assert bomb()


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the waits before retries instead of waiting."""
    waits: list[float] = []
    monkeypatch.setattr(client_module, "sleep", waits.append)
    return waits


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Start the index, another host, and two TLS hosts whose certificates are trusted."""
    known = certificates(tmp_path)
    trusted = tmp_path / "trusted.pem"
    trusted.write_text("".join(path.read_text() for path in known.values()))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
    with (
        running(Server()) as other,
        running(Server(), known[GOOD_NAME]) as right,
        running(Server(), known[BAD_NAME]) as wrong,
        running(Server(bystanders={"other": other, GOOD_NAME: right, BAD_NAME: wrong})) as started,
    ):
        yield started


def with_password(url: str) -> str:
    return url.replace("//", f"//someone:{SECRET}@")


def request_all(
    url: str, limits: IndexLimits = IndexLimits()
) -> Mapping[Any, Sequence[Any] | PkgwidgetsError]:
    settings = replace(index_selection.sources_for_url(url), limits=limits)
    return SimpleIndex(settings).releases_of(IndexQuery([SUBJECT, *HEALTHY]))


def impatient_backend(python: Path, url: str, limits: IndexLimits = SHORT_LIMITS) -> Backend:
    """Connect to an index with shorter time limits."""
    backend = connect(python, url)
    sources = index_selection.explicit_index(url, backend.environment.interpreter.prefix)
    return replace(backend, index=MultiIndex(sources, limits=limits))


def rows_of(backend: Backend) -> dict[str, PackageInfo]:
    return {info.id: info for info in inventory.check_for_updates(backend)}


def assert_healthy_rows(rows: Mapping[str, PackageInfo]) -> None:
    versions = {name: (rows[name].latest_version, rows[name].error) for name in HEALTHY}
    assert versions == dict.fromkeys(HEALTHY, ("2.0", None))


def assert_is_fit_to_show(text: str) -> None:
    assert SECRET not in text
    assert "Traceback" not in text
    assert "\n" not in text
    assert text.isprintable()
    assert len(text) < 400


# --- the forty behaviours


def test_list_of_index_behaviours_is_complete() -> None:
    assert len({behaviour.name for behaviour in BEHAVIOURS}) == len(BEHAVIOURS) == 40 + VARIANTS


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda behaviour: behaviour.name)
@pytest.mark.usefixtures("waits")
def test_bad_index_behaviour_affects_only_its_own_project(
    server: Server, behaviour: Behaviour
) -> None:
    server.plays[SUBJECT] = behaviour.play
    answers = request_all(with_password(server.url), SHORT_LIMITS)
    for name in HEALTHY:
        others = answers[name]
        assert isinstance(others, ReleaseList)
        assert [str(release.version) for release in others] == ["2.0", "1.0"]
        assert not others.stale_reason
    answer = answers[SUBJECT]
    if isinstance(answer, PkgwidgetsError):
        assert isinstance(answer, IndexUnavailable | ProjectNotFound)
        assert behaviour.reason
        assert behaviour.reason in answer.sentence()
        assert_is_fit_to_show(str(answer))
    elif behaviour.reason:
        assert list(answer) == []
    else:
        assert [str(release.version) for release in answer if not release.yanked] == ["2.0", "1.0"]
    if behaviour.requests is not None:
        assert len(server.requests_of(SUBJECT)) == behaviour.requests


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda behaviour: behaviour.name)
@pytest.mark.usefixtures("waits")
@pytest.mark.slow
def test_reused_connection_gives_the_same_result_as_a_new_one(
    server: Server, behaviour: Behaviour
) -> None:
    server.plays[SUBJECT] = behaviour.play

    def outcome(client: client_module.Client) -> object:
        server.requests[:] = [
            request for request in server.requests if request.project == KEPT_OPEN
        ]
        try:
            response = client.get(f"{SUBJECT}/", {}, until=monotonic() + 20)
        except response_module.RequestFailed as unanswered:
            return str(unanswered)
        return response.status, sorted(response.headers.items()), response.body

    new_client, reused_client = (
        client_module.Client(server.url, {}, at_once=1, limits=SHORT_LIMITS.http) for _ in range(2)
    )
    reused_client.get(f"{KEPT_OPEN}/", {}, until=monotonic() + 20)
    (warmed,) = server.requests
    result = outcome(reused_client)
    assert server.requests_of(SUBJECT)[0].port == warmed.port
    assert result == outcome(new_client)


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda behaviour: behaviour.name)
@pytest.mark.usefixtures("waits")
def test_bad_index_behaviour_is_explained_in_the_row_of_the_package(
    server: Server, python: Path, behaviour: Behaviour
) -> None:
    server.plays[SUBJECT] = behaviour.play
    rows = rows_of(impatient_backend(python, with_password(server.url)))
    assert_healthy_rows(rows)
    row = rows[SUBJECT]
    assert row.version == "1.0"
    if behaviour.reason:
        assert (row.latest_version, row.compatible_version) == (None, None)
        assert row.update_available is None
        assert behaviour.reason in str(row.error)
        assert_is_fit_to_show(str(row.error))
    else:
        assert (row.latest_version, row.compatible_version, row.error) == ("2.0", "2.0", None)
        assert row.update_available is True


# --- details of single behaviours


def test_documented_network_limits_match_the_code() -> None:
    http = HttpLimits()
    assert (http.connect_seconds, http.read_seconds, http.answer_seconds) == (10.0, 30.0, 60.0)
    assert http.max_bytes == 32 << 20
    assert http.max_tries == 3
    assert IndexLimits().round_seconds == 120.0
    assert IndexLimits().http == http


def test_retry_waits_for_the_seconds_in_retry_after(server: Server, waits: list[float]) -> None:
    server.plays[SUBJECT] = once(status("429 Too Many Requests", Retry_After="5"))
    answers = request_all(server.url)
    assert isinstance(answers[SUBJECT], ReleaseList)
    assert [5.0 <= wait <= 6.0 for wait in waits] == [True]


def test_too_long_retry_after_is_not_waited_for(server: Server, waits: list[float]) -> None:
    server.plays[SUBJECT] = status("429 Too Many Requests", Retry_After="99999")
    assert isinstance(request_all(server.url)[SUBJECT], IndexUnavailable)
    assert waits == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"], ids=["host", "port"])
def test_credentials_are_not_sent_to_another_host_after_a_redirect(
    server: Server, host: str
) -> None:
    server.plays[SUBJECT] = redirect("302 Found", neighbour("other", host=host))
    assert isinstance(request_all(with_password(server.url))[SUBJECT], ReleaseList)
    (there,) = server.bystanders["other"].requests
    assert "authorization" not in there.headers
    assert SECRET not in f"{there.path} {there.headers}"
    assert all("authorization" in request.headers for request in server.requests)


@pytest.mark.parametrize(
    ("name", "trusted"), [(GOOD_NAME, True), (BAD_NAME, False)], ids=["its own", "another's"]
)
@pytest.mark.usefixtures("waits")
def test_index_certificate_must_match_the_host_name(
    server: Server, name: str, trusted: bool
) -> None:
    there = server.bystanders[name]
    answers = request_all(with_password(there.url))
    for answer in answers.values():
        if trusted:
            assert isinstance(answer, ReleaseList)
        else:
            assert isinstance(answer, IndexUnavailable)
            assert answer.reason == "its certificate is not trusted"
    assert bool(there.requests) is trusted


def test_redirect_to_an_https_host_is_followed(server: Server) -> None:
    redirected = redirect("302 Found", neighbour(GOOD_NAME))
    server.plays |= dict.fromkeys([SUBJECT, *HEALTHY], redirected)
    for answer in request_all(server.url).values():
        assert isinstance(answer, ReleaseList), answer
        assert [str(release.version) for release in answer] == ["2.0", "1.0"]


@pytest.mark.usefixtures("waits")
def test_credentials_are_not_sent_to_a_server_without_tls(server: Server) -> None:
    plain = server.bystanders["other"]
    answers = request_all(with_password(plain.url.replace("http:", "https:")))
    assert all(isinstance(answer, IndexUnavailable) for answer in answers.values())
    assert plain.requests == []


@pytest.mark.parametrize(
    ("text", "time"), [("2099-01-01T00:00:00Z", datetime(2099, 1, 1, tzinfo=UTC)), ("x", None)]
)
def test_invalid_upload_time_is_not_shown(
    server: Server, python: Path, text: str, time: datetime | None
) -> None:
    server.plays[SUBJECT] = listing(upload_time=text)
    assert rows_of(connect(python, server.url))[SUBJECT].released == time


@pytest.mark.slow
@pytest.mark.usefixtures("waits")
def test_slow_response_headers_do_not_affect_other_projects(server: Server, python: Path) -> None:
    server.plays[SUBJECT] = endless(b"H", 0.3)
    rows = rows_of(impatient_backend(python, server.url, replace(SHORT_LIMITS, round_seconds=4.0)))
    assert_healthy_rows(rows)
    assert "no answer within 4 seconds" in str(rows[SUBJECT].error)


@pytest.mark.usefixtures("waits")
def test_login_page_with_file_links_is_not_a_release_list(server: Server, python: Path) -> None:
    server.plays[SUBJECT] = body(b"<a href='subject.zip'>subject</a>", Content_Type="text/html")
    row = rows_of(connect(python, server.url))[SUBJECT]
    assert (row.latest_version, row.update_available) == (None, None)
    assert row.error


# --- memory

MIB = 1 << 20
MEASURE = dedent(
    """
    import json, resource, sys
    from pathlib import Path
    from pkgwidgets.backends.config import index_selection
    from pkgwidgets.backends.index.cache import ReleaseCache
    from pkgwidgets.backends.index.simple import SimpleIndex
    from pkgwidgets.core.index_query import IndexQuery

    url, folder, *ids = sys.argv[1:]
    index = SimpleIndex(index_selection.sources_for_url(url), ReleaseCache(url, Path(folder)))
    index.releases_of(IndexQuery(["warm-up", "warm-up-2"]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answers = index.releases_of(IndexQuery(ids))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1 if sys.platform == "darwin" else 1024
    print(json.dumps([(after - before) * unit, [type(answers[id]).__name__ for id in ids]]))
    """
)


def measure_memory(server: Server, folder: Path, *ids: str) -> tuple[int, list[str]]:
    """Request in a child process; return its peak memory growth in bytes, and the answers."""
    argv = [sys.executable, "-c", MEASURE, server.url, str(folder), *ids]
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@"; exit $?', "sh", *argv],  # its own child begins with a peak of 0
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    grown, answers = json.loads(done.stdout)
    return grown, answers


def chunked(content: bytes | Callable[[], bytes], **headers: str) -> Play:
    def play(request: Request) -> None:
        sent = content() if callable(content) else content
        request.answer(b"", Transfer_Encoding="chunked", Content_Length="", **headers)
        request.raw(f"{len(sent):x}\r\n".encode() + sent + b"\r\n0\r\n\r\n")

    return play


def send_bomb_as_transfer_encoding(request: Request) -> None:
    location = neighbour("other")(request)
    request.answer(bomb(), "302 Found", Location=location, Content_Encoding="gzip")


# What is read to the end may be a listing of nothing or an error: it is the memory that counts.
LARGE: dict[str, tuple[Play, str]] = {
    "gzip bomb": (body(bomb, Content_Encoding="gzip"), "IndexUnavailable"),
    "gzip bomb in chunks": (chunked(bomb, Content_Encoding="gzip"), "IndexUnavailable"),
    "33 MiB": (body(b" " * (33 * MIB)), "IndexUnavailable"),
    "33 MiB in chunks": (chunked(b" " * (33 * MIB)), "IndexUnavailable"),
    "31 MiB of white space": (body(GOOD + b" " * (31 * MIB)), "ReleaseList"),
    "200,000 brackets": (body(b"[" * 200_000), "IndexUnavailable"),
    "gzip bomb in a redirect": (send_bomb_as_transfer_encoding, "ReleaseList"),
    "31 MiB of files": (
        body(b'{"files": [' + b'{"filename":"a"},' * (31 * MIB // 17) + b'{"filename":"a"}]}'),
        "",
    ),
    "31 MiB of a mark": (
        body(b'{"files": [{"filename":"a","yanked":{"x":[' + b"[]," * (31 * MIB // 3) + b"[]]}}]}"),
        "",
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_response_uses_at_most_64_mib_of_memory(
    server: Server, tmp_path: Path, name: str
) -> None:
    server.plays[SUBJECT], expected = LARGE[name]
    grown, answers = measure_memory(server, tmp_path, SUBJECT, *HEALTHY)
    assert answers[1:] == ["ReleaseList"] * len(HEALTHY)
    assert answers[0] == (expected or answers[0])
    assert grown <= 64 * MIB


# --- two hundred projects


@pytest.fixture(scope="module")
def large_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad-index") / "env"
    return environment(folder, build_wheels(*(f"flower-{number:03}" for number in range(200))))


@pytest.mark.slow
def test_healthy_projects_are_reported_before_slow_ones(
    server: Server, large_environment: Path
) -> None:
    names = [f"flower-{number:03}" for number in range(200)]
    failing, slow = names[3::10], names[7::10]
    healthy = {*names} - {*failing} - {*slow}
    server.plays |= dict.fromkeys(failing, status("503 Service Unavailable"))
    server.plays |= dict.fromkeys(slow, endless(b"", 60))
    events: list[Event] = []
    begun = monotonic()
    infos = inventory.check_for_updates(
        impatient_backend(large_environment, server.url), report=events.append
    )
    took = monotonic() - begun
    rows: dict[str, PackageInfo] = {info.id: info for info in infos}
    order: list[str] = [event.id for event in events if event.id is not None]
    assert sorted(order) == names
    assert {order.index(name) < min(map(order.index, slow)) for name in healthy} == {True}
    assert len(healthy) == 160
    assert {(rows[name].latest_version, rows[name].error) for name in healthy} == {("2.0", None)}
    for reason, group in (("it answered HTTP 503", failing), ("it did not answer in time", slow)):
        for name in group:
            assert rows[name].update_available is None
            # When nothing but failures is left, the last of them are not even asked again.
            assert reason in str(rows[name].error) or "left alone" in str(rows[name].error)
    assert took < SHORT_LIMITS.round_seconds + 10


# --- wheels that differ from the index


def test_wheel_with_a_different_hash_is_not_installed(
    server: Server, tmp_path: Path, tree: Oracle
) -> None:
    wheel = BuiltWheel(name=SUBJECT, version="2.0", files={"subject.py": "grows = 2\n"})
    python = environment(tmp_path / "env", build_wheels(SUBJECT, *HEALTHY))
    service = PackageService(python, index_url=server.url)
    other = BuiltWheel(name=HEALTHY[0], version="2.0", files={"healthy_0.py": "grows = 2\n"})
    server.files |= {release.filename: release.data for release in (wheel, other)}
    before = tree(service.prefix)
    with pytest.raises(InstallFailed, match="Hash mismatch") as caught:
        service.upgrade_package(SUBJECT)
    assert tree(service.prefix) == before
    assert service.get_package(SUBJECT).version == "1.0"
    assert "Traceback" not in str(caught.value)
    assert service.plan_upgrade(HEALTHY[0]).changes  # it is not in the way of anything else

    server.plays[SUBJECT] = listing(hashes={"sha256": wheel.sha256})
    service.check_for_updates(SUBJECT, refresh=True)
    service.upgrade_package(SUBJECT)
    assert service.get_package(SUBJECT).version == "2.0"


def test_headers_with_bare_lf_are_read_over_a_new_connection(server: Server) -> None:
    content = page(*files(SUBJECT, "1.0", "2.0"))

    def play(request: Request) -> None:
        lines = ["HTTP/1.1 200 OK", "Content-Type: x", f"Content-Length: {len(content)}", "", ""]
        request.raw("\n".join(lines).encode() + content)

    server.plays[SUBJECT] = play
    client = client_module.Client(server.url, {}, at_once=1)
    client.get(f"{KEPT_OPEN}/", {}, until=monotonic() + 20)
    assert client.get(f"{SUBJECT}/", {}, until=monotonic() + 20).body == content
    (warmed,) = server.requests_of(KEPT_OPEN)
    ports = [request.port for request in server.requests_of(SUBJECT)]
    assert len(ports) == 2
    assert ports[0] == warmed.port != ports[1]


def test_connection_is_reused_for_consecutive_responses(server: Server) -> None:
    """This holds for every supported version of urllib3."""
    server.plays[KEPT_OPEN] = lambda request: request.answer(
        gzip.compress(b"peas"), Connection="keep-alive", Content_Encoding="gzip"
    )
    pool = client_module.Client(server.url, {}, at_once=1)._get_route(server.url).pool
    for _ in range(3):
        answer = read_response(pool, f"/simple/{KEPT_OPEN}/", {}, monotonic() + 20)
        assert answer.body == b"peas"
    assert len({request.port for request in server.requests}) == 1
