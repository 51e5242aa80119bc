"""Pages as public index servers send them: each is read, with or without files.

They follow answers of pypiserver 2.4, devpi-server 6.20, proxpi 1.3, simpleindex 0.6,
bandersnatch 6.8, http.server of Python 3.11, and nginx.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from bad_index_server import Play, Server, running
from packaging.utils import canonicalize_name

from pkgwidgets.backends.config.index_selection import IndexSettings
from pkgwidgets.backends.http.network_settings import NetworkSettings
from pkgwidgets.backends.index.find_links import FindLinks
from pkgwidgets.backends.index.simple import SimpleIndex
from pkgwidgets.core.errors import IndexUnavailable
from pkgwidgets.core.index_query import IndexQuery, never
from pkgwidgets.core.releases import Release, ReleaseList

DIGEST = "ab" * 32
NAME = canonicalize_name("Pea.Pod_x")
OLD, NEW = "Pea.Pod_x-1.0-py3-none-any.whl", "pea_pod_x-2.0+cu.1-py3-none-any.whl"
SDIST = "pea_pod_x-3.0.tar.gz"
HTML = "text/html; charset=utf-8"
JSON = "application/vnd.pypi.simple.v1+json"

PYPISERVER = """<!DOCTYPE html>
<html lang="en">
    <head>
        <meta charset="utf-8">
        <title>Links for pea-pod-x</title>
    </head>
    <body>
        <h1>Links for pea-pod-x</h1>
{files}
    </body>
</html>"""
DEVPI = """<!DOCTYPE html><html lang="en"><head><title>kim/dev: links for pea-pod-x</title></head>\
<body><h1>kim/dev: links for pea-pod-x</h1>
{files}
</body></html>"""
PROXPI = """<!DOCTYPE html>
<html lang="en"><head>
    <meta name="pypi:repository-version" content="1.0">
    <title>pea-pod-x</title>
</head><body>{files}</body></html>"""
SIMPLEINDEX = """
<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
</head>
<body>
{files}
</body>
</html>
"""
HTTP_SERVER = """<!DOCTYPE HTML>
<html lang="en">
<head><meta charset="utf-8"><title>Directory listing for /simple/pea-pod-x/</title></head>
<body><h1>Directory listing for /simple/pea-pod-x/</h1>
<hr><ul>{files}</ul><hr></body>
</html>
"""
NGINX = """<html>
<head><title>Index of /simple/pea-pod-x/</title></head>
<body>
<h1>Index of /simple/pea-pod-x/</h1><hr><pre><a href="../">../</a>
{files}</pre><hr></body>
</html>
"""
TEMPLATES = {
    "pypiserver": (PYPISERVER, '<a href="/packages/{url}#sha256={digest}">{name}</a><br>'),
    "pypiserver md5": (PYPISERVER, '<a href="/packages/{url}#md5={md5}">{name}</a><br>'),
    "devpi": (
        DEVPI,
        'kim/dev <a href="../../+f/abc/{url}#sha256={digest}" data-requires-python="">{name}</a>',
    ),
    "proxpi": (PROXPI, '<a href="{name}#sha256={digest}"\n    >{name}</a><br />'),
    "simpleindex": (SIMPLEINDEX, '<a href="./{name}">{name}</a>'),
    "http.server": (HTTP_SERVER, '<li><a href="{url}">{name}</a></li>'),
    "nginx": (NGINX, '<a href="{url}">{name}</a>    30-Nov-2026 07:33    1190'),
}
FILES = (OLD, NEW, SDIST)


def html(server: str, *names: str) -> str:
    frame, row = TEMPLATES[server]
    rows = (
        row.format(name=name, url=name.replace("+", "%2B"), digest=DIGEST, md5="0" * 32)
        for name in names
    )
    return frame.format(files="\n".join(rows))


def json_page(*names: str, **keys: object) -> str:
    hashes = {"sha256": DIGEST}
    files = [{"filename": name, "url": f"../../{name}", "hashes": hashes} | keys for name in names]
    return json.dumps({"meta": {"api-version": "1.0"}, "name": "pea-pod-x", "files": files})


DEVPI_KEYS = {"requires-python": ""}
BANDERSNATCH_KEYS = {"requires-python": "", "size": 9, "upload-time": "", "yanked": False}
PAGES = {
    **{name: (HTML, html(name, *FILES), html(name)) for name in TEMPLATES},
    "devpi JSON": (JSON, json_page(*FILES, **DEVPI_KEYS), json_page()),
    "bandersnatch JSON": (JSON, json_page(*FILES, **BANDERSNATCH_KEYS), json_page()),
}


@pytest.fixture
def server() -> Iterator[Server]:
    with running(Server()) as server:
        yield server


def sending(content_type: str, text: str) -> Play:
    return lambda request: request.answer(text.encode(), Content_Type=content_type)


def index_of(server: Server) -> SimpleIndex:
    return SimpleIndex(IndexSettings(index_url=server.url))


def releases(server: Server) -> ReleaseList:
    answer = index_of(server).releases_of(IndexQuery([NAME], stop_at=never))[NAME]
    assert isinstance(answer, ReleaseList), answer
    return answer


def wheels(listed: list[Release] | ReleaseList) -> dict[str, list[str]]:
    return {str(release.version): [w.filename for w in release.wheels] for release in listed}


@pytest.mark.usefixtures("empty_index_cache")
@pytest.mark.parametrize(("content_type", "text", "empty"), PAGES.values(), ids=PAGES)
def test_page_of_a_server_is_read(server: Server, content_type: str, text: str, empty: str) -> None:
    server.plays[NAME] = sending(content_type, text)
    listed = releases(server)
    assert wheels(listed) == {"3.0": [], "2.0+cu.1": [NEW], "1.0": [OLD]}
    assert {release.yanked for release in listed} == {False}
    assert {release.uploaded for release in listed} == {None}
    hashes = {wheel.sha256 for release in listed for wheel in release.wheels}
    assert hashes == ({DIGEST} if "sha256" in text else {None})
    server.plays[NAME] = sending(content_type, empty)
    assert releases(server) == ReleaseList(())


@pytest.mark.parametrize("name", ["http.server", "nginx"])
def test_listing_of_a_folder_of_wheels_is_a_page_of_links(server: Server, name: str) -> None:
    server.plays["simple"] = sending(HTML, html(name, *FILES))
    links = FindLinks(server.url, NetworkSettings())
    listed = links.releases_of(IndexQuery([NAME], stop_at=never))[NAME]
    assert wheels(list(listed)) == {"3.0": [], "2.0+cu.1": [NEW], "1.0": [OLD]}
    server.plays["simple"] = sending(HTML, html(name))
    assert FindLinks(server.url, NetworkSettings()).releases_of(IndexQuery([NAME])) == {}


@pytest.mark.usefixtures("empty_index_cache")
@pytest.mark.parametrize(
    "text",
    [
        "<html><head><title>Log in</title></head><body><form></form></body></html>",
        "<html><head><title>Welcome</title></head><body><a href='/in'>Index of pages</a></body>",
        "<html><head><title>My index of links</title></head><body>Hello</body></html>",
    ],
)
def test_page_of_something_else_is_no_project_without_files(server: Server, text: str) -> None:
    server.plays[NAME] = sending(HTML, text)
    answer = index_of(server).releases_of(IndexQuery([NAME]))[NAME]
    assert isinstance(answer, IndexUnavailable)
    reason = "its page of pea-pod-x cannot be read (it is not the HTML page of a project)"
    assert answer.reason == reason


@pytest.fixture
def dead_url() -> str:
    """Return the URL of a server that has ended."""
    with running(Server()) as ended:
        return ended.url


@pytest.mark.usefixtures("empty_index_cache")
def test_dead_target_of_redirects_is_named_and_blocks_no_other_project(
    server: Server, dead_url: str
) -> None:
    names = [canonicalize_name(f"private-{number}") for number in range(12)]
    for name in names:
        server.plays[name] = redirecting(f"{dead_url}{name}/")
    index = index_of(server)
    address = dead_url.removesuffix("/simple/")
    failures = [index.releases_of(IndexQuery([name]))[name] for name in names]
    reasons = [failure.reason for failure in failures if isinstance(failure, IndexUnavailable)]
    assert len(reasons) == len(names)
    assert {reason.partition(" (")[0] for reason in reasons} == {
        f"the redirect to {address} failed"
    }
    assert "(it failed too often; " in reasons[-1]
    assert isinstance(index.releases_of(IndexQuery([NAME]))[NAME], ReleaseList)


@pytest.mark.usefixtures("empty_index_cache")
def test_project_is_read_from_the_server_that_a_redirect_names(server: Server) -> None:
    with running(Server()) as other:
        server.plays[NAME] = redirecting(f"{other.url}{NAME}/")
        other.plays[NAME] = sending(HTML, html("pypiserver", *FILES))
        assert wheels(releases(server)) == {"3.0": [], "2.0+cu.1": [NEW], "1.0": [OLD]}


def redirecting(target: str) -> Play:
    return lambda request: request.answer(b"", "303 See Other", Location=target)
