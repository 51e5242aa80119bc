"""The demo index follows PEP 503, 592, 658, 691, 700 and 714, caches, and fails on request."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from http.client import HTTPConnection, HTTPException
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import pytest
from malformed_wheels import MalformedWheel

from pkgwidgets.demo.index_pages import file_url, preferred_content_type
from pkgwidgets.demo.index_server import DemoIndex
from pkgwidgets.demo.wheel_builder import BuiltWheel

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"

OLD = MalformedWheel(
    name="Pea_Pod",
    version="1.9",
    files={"pea.py": "x = 1\n"},
    requires_python=">=3.8,<4",
    uploaded=datetime(2026, 3, 1, 14, 30, tzinfo=timezone(timedelta(hours=2))),
)
NEW = BuiltWheel(name="Pea_Pod", version="1.10", yanked='burst "open" & <lost>')
LOCAL = BuiltWheel(name="snail", version="1!2.0+wet", yanked="")


@dataclasses.dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One kept-alive connection."""

    def __init__(self, index: DemoIndex) -> None:
        self.connection = HTTPConnection(urlsplit(index.url).netloc, timeout=10)

    def ask(self, path: str, method: str = "GET", **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, path, headers=named)
        answer = self.connection.getresponse()
        return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


@pytest.fixture
def index() -> Iterator[DemoIndex]:
    with DemoIndex([NEW, OLD, LOCAL]) as running:
        yield running


@pytest.fixture
def client(index: DemoIndex) -> Iterator[Client]:
    client = Client(index)
    yield client
    client.connection.close()


def test_project_page_has_the_fields_of_pep_691(client: Client) -> None:
    reply = client.ask("/simple/pea-pod/", accept=JSON)
    assert reply.status == 200
    assert reply.headers["content-type"] == JSON
    assert reply.headers["cache-control"] == "no-cache"
    page = reply.json
    files = {file["filename"]: file for file in page.pop("files")}
    assert page == {
        "meta": {"api-version": "1.4"},
        "name": "pea-pod",
        "versions": ["1.9", "1.10"],
    }
    metadata = {"sha256": OLD.metadata_sha256}
    assert files["pea_pod-1.9-py3-none-any.whl"] == {
        "filename": "pea_pod-1.9-py3-none-any.whl",
        "url": f"/files/{OLD.sha256[:32]}/pea_pod-1.9-py3-none-any.whl",
        "hashes": {"sha256": OLD.sha256},
        "size": len(OLD.data),
        "upload-time": "2026-03-01T12:30:00.000000Z",
        "yanked": False,
        "requires-python": ">=3.8,<4",
        "core-metadata": metadata,
        "dist-info-metadata": metadata,
    }
    assert files[NEW.filename]["yanked"] == 'burst "open" & <lost>'
    assert "requires-python" not in files[NEW.filename]


def test_yank_without_reason_is_true(client: Client) -> None:
    assert client.ask("/simple/snail/").json["files"][0]["yanked"] is True


def test_list_of_projects_is_served_as_json_and_html(client: Client) -> None:
    assert client.ask("/simple/").json["projects"] == [{"name": "pea-pod"}, {"name": "snail"}]
    links = links_of(client.ask("/simple/", accept=HTML).body)
    assert [link["href"] for link, _ in links] == ["pea-pod/", "snail/"]


def links_of(page: bytes) -> list[tuple[dict[str, str | None], str]]:
    links: list[tuple[dict[str, str | None], str]] = []

    class Parser(HTMLParser):
        inside = False

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.inside = tag == "a"
            if self.inside:
                links.append((dict(attrs), ""))

        def handle_data(self, data: str) -> None:
            if self.inside:
                links[-1] = (links[-1][0], links[-1][1] + data)

        def handle_endtag(self, tag: str) -> None:
            self.inside = False

    Parser().feed(page.decode())
    return links


def test_html_page_has_the_attributes_of_pep_503(client: Client) -> None:
    reply = client.ask("/simple/pea-pod/", accept="text/html,*/*;q=0.8")
    assert reply.headers["content-type"] == "text/html"
    new, old = links_of(reply.body)
    assert old == (
        {
            "href": f"/files/{OLD.sha256[:32]}/{OLD.filename}#sha256={OLD.sha256}",
            "data-requires-python": ">=3.8,<4",
            "data-core-metadata": f"sha256={OLD.metadata_sha256}",
        },
        OLD.filename,
    )
    assert new[0]["data-yanked"] == 'burst "open" & <lost>'


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", JSON),
        (f"{JSON}, {HTML};q=0.2, text/html;q=0.01", JSON),
        (f"{JSON};q=0.1, {HTML}", HTML),
        (f"{JSON};q=0, */*", HTML),
        ("text/html", "text/html"),
        ("TEXT/HTML ; Q=1.0", "text/html"),
        ("text/*", "text/html"),
        ("application/*;q=0.5, text/html;q=0.4", JSON),
        ("image/png", None),
        ("text/html;q=nonsense", None),
        ("", None),
    ],
)
def test_content_negotiation_picks_the_preferred_type(accept: str, expected: str | None) -> None:
    assert preferred_content_type(accept) == expected


def test_unacceptable_type_is_406_and_no_preference_is_json(client: Client) -> None:
    assert client.ask("/simple/pea-pod/", accept="image/png").status == 406
    assert client.ask("/simple/pea-pod/").headers["content-type"] == JSON


def test_wheel_and_its_metadata_are_served(client: Client) -> None:
    wheel = client.ask(file_url(OLD))
    metadata = client.ask(f"{file_url(OLD)}.metadata")
    assert wheel.body == OLD.data
    assert hashlib.sha256(metadata.body).hexdigest() == OLD.metadata_sha256
    for reply in (wheel, metadata):
        assert reply.status == 200
        assert "immutable" in reply.headers["cache-control"]


def test_epochs_and_local_versions_are_quoted_in_urls(client: Client) -> None:
    url = client.ask("/simple/snail/").json["files"][0]["url"]
    assert url == f"/files/{LOCAL.sha256[:32]}/snail-1%212.0%2Bwet-py3-none-any.whl"
    assert client.ask(url).body == LOCAL.data
    assert client.ask(f"{url}.metadata").body == LOCAL.metadata_text.encode()


@pytest.mark.parametrize("path", ["/simple/pea-pod/", file_url(OLD)])
@pytest.mark.parametrize("shape", ["{}", "W/{}", '"other", {}', "*"])
def test_matching_etag_is_answered_304(client: Client, path: str, shape: str) -> None:
    etag = client.ask(path).headers["etag"]
    again = client.ask(path, if_none_match=shape.format(etag))
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
    assert client.ask(path, if_none_match='"other"').status == 200


def test_file_url_depends_on_the_content() -> None:
    """Clients cache files for ever, and another index may listen on the same port."""
    other = dataclasses.replace(OLD, files={"pea.py": "x = 2\n"})
    assert other.filename == OLD.filename
    assert file_url(other) != file_url(OLD) == file_url(dataclasses.replace(OLD))


def test_changed_page_is_sent_despite_an_old_etag(index: DemoIndex, client: Client) -> None:
    etag = client.ask("/simple/pea-pod/").headers["etag"]
    index.publish(dataclasses.replace(OLD, version="2.0"))
    reply = client.ask("/simple/pea-pod/", if_none_match=etag)
    assert reply.status == 200
    assert reply.json["versions"] == ["1.9", "1.10", "2.0"]


def test_publishing_a_file_again_replaces_it(index: DemoIndex, client: Client) -> None:
    index.publish(dataclasses.replace(OLD, yanked="late frost"))
    files = client.ask("/simple/pea-pod/").json["files"]
    assert {file["filename"]: file["yanked"] for file in files} == {
        OLD.filename: "late frost",
        NEW.filename: NEW.yanked,
    }


def test_withdraw_removes_a_release_or_a_project(index: DemoIndex, client: Client) -> None:
    index.withdraw("pea.pod", "1.10")
    assert client.ask("/simple/pea-pod/").json["versions"] == ["1.9"]
    with pytest.raises(LookupError, match=r"pea\.pod 1\.10"):
        index.withdraw("pea.pod", "1.10")
    index.withdraw("Pea_Pod")
    assert client.ask("/simple/pea-pod/").status == 404
    assert client.ask("/simple/snail/").status == 200


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/simple/unknown/", "/files/x/unknown.whl", "/files/unknown.whl", "/files/"),
        *("/simple/a/b/", "/../etc/passwd"),
    ],
)
def test_unknown_path_is_404(client: Client, path: str) -> None:
    assert client.ask(path).status == 404


@pytest.mark.parametrize("path", ["/simple/Pea_Pod/", "/simple/pea-pod", "/simple/pea..pod/"])
def test_other_spellings_of_a_project_are_redirected(client: Client, path: str) -> None:
    reply = client.ask(path)
    assert (reply.status, reply.headers["location"]) == (301, "/simple/pea-pod/")


def test_head_returns_the_length_without_a_body(client: Client) -> None:
    reply = client.ask(file_url(OLD), method="HEAD")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["content-length"] == str(len(OLD.data))
    assert client.ask("/simple/pea-pod/").status == 200, "the connection is still in step"


def test_index_that_is_down_answers_503_until_it_is_up(index: DemoIndex, client: Client) -> None:
    etag = client.ask("/simple/pea-pod/").headers["etag"]
    index.down = True
    for path in ("/simple/", "/simple/pea-pod/", file_url(OLD), "/nothing"):
        assert client.ask(path, if_none_match=etag).status == 503
    index.down = False
    assert client.ask("/simple/pea-pod/").status == 200


def test_requests_are_recorded_in_order(index: DemoIndex, client: Client) -> None:
    index.down = True
    client.ask("/simple/pea-pod/?x=1")
    index.down = False
    client.ask("/nothing", method="HEAD")
    assert index.requests == ["/simple/pea-pod/?x=1", "/nothing"]


def test_damaged_wheel_keeps_the_hash_of_the_original(index: DemoIndex, client: Client) -> None:
    index.publish(dataclasses.replace(OLD, damage=lambda data: data[:10]))
    assert client.ask(file_url(OLD)).body == OLD.data[:10]
    files = client.ask("/simple/pea-pod/").json["files"]
    assert [f["hashes"]["sha256"] for f in files if f["filename"] == OLD.filename] == [OLD.sha256]


def test_index_serves_many_clients_at_once(index: DemoIndex) -> None:
    def ask(_: int) -> int:
        client = Client(index)
        try:
            return client.ask("/simple/pea-pod/").status
        finally:
            client.connection.close()

    with ThreadPoolExecutor(64) as pool:
        assert list(pool.map(ask, range(256))) == [200] * 256
    assert index.requests == ["/simple/pea-pod/"] * 256


def test_response_does_not_wait_for_a_delayed_ack(client: Client) -> None:
    taken = []
    for _ in range(25):
        started = time.perf_counter()
        client.ask("/simple/pea-pod/")
        taken.append(time.perf_counter() - started)
    assert median(taken) < 0.02  # a delayed ACK is 0.04 s


def test_disconnecting_clients_cause_no_output(
    index: DemoIndex, capfd: pytest.CaptureFixture[str]
) -> None:
    host, port = urlsplit(index.url).netloc.split(":")
    big = BuiltWheel(name="big", version="1", files={"big.bin": bytes(5_000_000)})
    index.publish(big)
    for _ in range(3):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(f"GET {file_url(big)} HTTP/1.1\r\n\r\n".encode())
            assert connection.recv(12) == b"HTTP/1.1 200"
    client = Client(index)
    assert client.ask("/simple/big/").status == 200
    client.connection.close()
    index.close()
    assert capfd.readouterr() == ("", "")


def test_index_can_be_started_closed_and_restarted() -> None:
    index = DemoIndex([OLD])
    assert repr(index) == "LocalIndex(not running)"
    with pytest.raises(RuntimeError, match="start"):
        _ = index.url
    index.start()
    url = index.url
    assert url.startswith("http://127.0.0.1:")
    assert url.endswith("/simple/")
    assert index.start().url == url, "starting twice is one start"
    assert repr(index) == f"LocalIndex({url})"
    client = Client(index)
    assert client.ask("/simple/pea-pod/").status == 200
    index.close()
    index.close()
    with pytest.raises((HTTPException, OSError)):
        client.ask("/simple/pea-pod/")
    client.connection.close()
    address = urlsplit(url)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port), timeout=10)
    with index:
        again = Client(index)
        assert again.ask("/simple/pea-pod/").status == 200
        again.connection.close()


def test_closing_takes_under_half_a_second() -> None:
    index = DemoIndex().start()
    started = time.perf_counter()
    index.close()
    assert time.perf_counter() - started < 0.4  # the standard library's own poll is 0.5 s


def test_default_upload_time_is_in_utc() -> None:
    assert BuiltWheel(name="pea", version="1").uploaded.tzinfo is UTC
