"""Credentials are sent to the index that needs them, by our client and by uv, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from network_guard import Guard, basic, guarded
from packaging.utils import canonicalize_name

from pkgwidgets import PackageService
from pkgwidgets.backends.config.index_sources import IndexSources
from pkgwidgets.backends.environment import interpreter
from pkgwidgets.backends.http.network_settings import NetworkSettings
from pkgwidgets.backends.index.multi import MultiIndex
from pkgwidgets.backends.installer import uv
from pkgwidgets.core.errors import IndexUnavailable, InstallFailed, PkgwidgetsError
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import ResolveRequest
from pkgwidgets.demo import Demo

SEEDSHELF = canonicalize_name("seedshelf")
HERE = Path(__file__).parent
SERVER, AUTHORITY = HERE / "loopback.pem", HERE / "authority.pem"
"""The server's key and certificate, and who vouches for it: made for these tests alone."""

BOB = ("bob", "pa/ss@w:rd")
QUOTED = "bob:pa%2Fss%40w%3Ard"


@pytest.fixture(autouse=True)
def _no_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_index_cache: None
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("NETRC", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Put a fake `keyring` on the path; return a function that lists its calls."""
    folder = tmp_path / "bin"
    folder.mkdir()
    command = folder / "keyring"
    command.write_text(
        f'#!/bin/sh\necho "$@" >> "{folder}/asked"\n'
        f'case "$2 $3" in 127.0.0.1:*" bob") echo "{BOB[1]}";; *) exit 1;; esac\n'
    )
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    log = folder / "asked"
    return lambda: log.read_text().splitlines() if log.exists() else []


def version_seen(sources: IndexSources) -> list[str]:
    """Return the latest version that our client sees, or the error."""
    answer = MultiIndex(lambda: sources).releases_of(IndexQuery([SEEDSHELF], refresh=True))
    releases = answer[SEEDSHELF]
    if isinstance(releases, PkgwidgetsError):
        return [releases.sentence()]
    return [str(release.version) for release in releases][:1]


def version_planned(garden: Demo, sources: IndexSources) -> list[str]:
    """Return the version to which uv would upgrade, or the code of its error."""
    installer = uv.UvInstaller(interpreter.describe(garden.python), lambda: sources)
    try:
        after = installer.resolve(ResolveRequest(requirements=("seedshelf>1.4.1",)))
    except PkgwidgetsError as error:
        return [error.code]
    return [str(after[SEEDSHELF])]


def both(garden: Demo, sources: IndexSources) -> list[str]:
    return version_seen(sources) + version_planned(garden, sources)


BOTH_SEE_IT = ["1.4.2", "1.4.2"]


def test_credentials_in_the_index_url_are_sent(garden: Demo) -> None:
    with guarded(garden.index_url, BOB) as guard:
        assert both(garden, IndexSources(indexes=(guard.with_credentials(QUOTED),))) == BOTH_SEE_IT
        assert {authorization for _, authorization in guard.requests} == {basic(*BOB)}


def test_token_without_password_is_sent(garden: Demo) -> None:
    with guarded(garden.index_url, ("a-token", "")) as guard:
        assert (
            both(garden, IndexSources(indexes=(guard.with_credentials("a-token"),))) == BOTH_SEE_IT
        )


@pytest.mark.parametrize("user", ["", "bob"])
def test_password_is_read_from_netrc(
    garden: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    file = tmp_path / "netrc"
    file.write_text(f"machine 127.0.0.1 login bob password {BOB[1]}\n")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))
    with guarded(garden.index_url, BOB) as guard:
        url = guard.with_credentials(user) if user else guard.url
        assert both(garden, IndexSources(indexes=(url,))) == BOTH_SEE_IT


def test_netrc_of_another_user_is_not_sent(
    garden: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login bob password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    with guarded(garden.index_url, BOB) as guard:
        version_seen(IndexSources(indexes=(guard.with_credentials("alice"),)))
        assert {authorization for _, authorization in guard.requests} == {basic("alice", "")}


def test_unreadable_netrc_is_ignored(
    garden: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine machine login\nnonsense \x00")
    assert version_seen(IndexSources(indexes=(garden.index_url,))) == ["1.4.2"]


def test_keyring_is_asked_for_the_user_in_the_url(
    garden: Demo, keyring: Callable[[], list[str]]
) -> None:
    with guarded(garden.index_url, BOB) as guard:
        url = guard.with_credentials("bob").rstrip("/")
        sources = IndexSources(indexes=(url,), access=NetworkSettings(keyring=True))
        assert version_seen(sources) == ["1.4.2"]
        ours = keyring()
        assert version_planned(garden, sources) == ["1.4.2"]
        address = guard.url.rstrip("/")
        assert ours == [f"get {address} bob", f"get {guard.netloc} bob"]
        assert set(keyring()) == set(ours), "uv asks in other words"


def test_keyring_is_not_asked_unless_enabled(
    garden: Demo, keyring: Callable[[], list[str]]
) -> None:
    with guarded(garden.index_url, BOB) as guard:
        enabled = NetworkSettings(keyring=True)
        assert "401" in version_seen(IndexSources(indexes=(guard.with_credentials("bob"),)))[0]
        assert "401" in version_seen(IndexSources(indexes=(guard.url,), access=enabled))[0]
    assert keyring() == []


@pytest.mark.parametrize("user", ["bob:secret", "bob"])
def test_credentials_are_not_sent_to_another_host(garden: Demo, user: str) -> None:
    """`localhost` is not the host `127.0.0.1`, and another port is another server."""
    with guarded(garden.index_url) as other, guarded(garden.index_url) as guard:
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        guard.reply = lambda path: (
            302, {"Location": elsewhere.removesuffix("/simple/") + path}, b""
        )  # fmt: skip
        assert version_seen(IndexSources(indexes=(guard.with_credentials(user),))) == ["1.4.2"]
        assert [authorization for _, authorization in guard.requests] == [
            basic(*(user + ":").split(":")[:2])
        ]
        assert [authorization for _, authorization in other.requests] == [""]


def test_credentials_are_sent_after_a_redirect_on_the_same_host(garden: Demo) -> None:
    with guarded(garden.index_url, BOB) as guard:
        guard.reply = lambda path: (
            (301, {"Location": path.replace("/old/", "/simple/")}, b"") if "/old/" in path else None
        )
        old = guard.with_credentials(QUOTED).replace("/simple/", "/old/")
        assert version_seen(IndexSources(indexes=(old,))) == ["1.4.2"]


def test_credentials_in_a_redirect_url_are_not_used(garden: Demo) -> None:
    with guarded(garden.index_url) as other, guarded(garden.index_url) as guard:
        place = other.with_credentials("eve:hers").removesuffix("/simple/")
        guard.reply = lambda path: (302, {"Location": place + path}, b"")
        assert version_seen(IndexSources(indexes=(guard.url,))) == ["1.4.2"]
        assert [authorization for _, authorization in other.requests] == [""]


@pytest.fixture
def tls(garden: Demo) -> Iterator[Guard]:
    with guarded(garden.index_url, certificate=SERVER) as guard:
        yield guard


def test_untrusted_certificate_is_refused(garden: Demo, tls: Guard) -> None:
    ours, uvs = both(garden, IndexSources(indexes=(tls.url,)))
    assert ours.endswith("its certificate is not trusted.")
    assert uvs == "index-unavailable"


def test_certificate_bundle_applies_to_the_check_and_to_uv(garden: Demo, tls: Guard) -> None:
    access = NetworkSettings(certificates=str(AUTHORITY))
    assert both(garden, IndexSources(indexes=(tls.url,), access=access)) == BOTH_SEE_IT


def test_missing_certificate_bundle_is_reported(tls: Guard) -> None:
    access = NetworkSettings(certificates="/nowhere/at/all.pem")
    assert (
        "trusted certificates cannot be read"
        in version_seen(IndexSources(indexes=(tls.url,), access=access))[0]
    )


@pytest.mark.parametrize("by", ["host", "host and port", "address"])
def test_insecure_host_needs_no_trusted_certificate(garden: Demo, tls: Guard, by: str) -> None:
    """No request warns: warnings are errors in this test."""
    names = {"host": "127.0.0.1", "host and port": tls.netloc, "address": f"https://{tls.netloc}"}
    access = NetworkSettings(insecure_hosts=(names[by],))
    assert both(garden, IndexSources(indexes=(tls.url,), access=access)) == BOTH_SEE_IT


@pytest.mark.parametrize("other", ["localhost", "127.0.0.1:1"])
def test_insecure_host_does_not_cover_another_host_or_port(
    garden: Demo, tls: Guard, other: str
) -> None:
    ours, uvs = both(
        garden, IndexSources(indexes=(tls.url,), access=NetworkSettings(insecure_hosts=(other,)))
    )
    assert ours.endswith("its certificate is not trusted.")
    assert uvs == "index-unavailable"


def test_insecure_host_does_not_cover_a_redirect_to_another_host(garden: Demo, tls: Guard) -> None:
    with guarded(garden.index_url, certificate=SERVER) as other:
        place = other.url.removesuffix("/simple/")
        tls.reply = lambda path: (302, {"Location": place + path}, b"")
        access = NetworkSettings(insecure_hosts=(tls.netloc,))
        sources = IndexSources(indexes=(tls.url,), access=access)
        assert version_seen(sources)[0].endswith("(its certificate is not trusted).")
        assert other.requests == []


def test_client_certificate_is_presented(garden: Demo) -> None:
    with guarded(garden.index_url, certificate=SERVER, clients=AUTHORITY) as guard:
        access = NetworkSettings(certificates=str(AUTHORITY), client_certificate=str(SERVER))
        without = IndexSources(indexes=(guard.url,), access=replace(access, client_certificate=""))
        ours, uvs = both(garden, without)
        assert "is not available" in ours
        assert uvs == "index-unavailable"
        assert guard.requests == []
        assert both(garden, IndexSources(indexes=(guard.url,), access=access)) == BOTH_SEE_IT


def test_proxy_applies_to_the_check_and_to_uv(
    garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the proxy knows the name: without it there is no answer."""
    monkeypatch.delenv("NO_PROXY", raising=False)
    with guarded(garden.index_url) as proxy:
        place = proxy.with_credentials("p:q").removesuffix("/simple/")
        sources = IndexSources(
            indexes=("http://packages.invalid/simple/",),
            access=NetworkSettings(proxies={"http": place}),
        )
        assert both(garden, sources) == BOTH_SEE_IT
        assert len(proxy.requests) >= 2
        assert all(path.startswith("http://packages.invalid/") for path, _ in proxy.requests)
        assert {authorization for _, authorization in proxy.requests} == {""}, (
            "they are the proxy's alone"
        )


def test_index_that_answers_401_is_not_skipped(garden: Demo) -> None:
    """Otherwise a private name would be requested from the next index."""
    with guarded(garden.index_url, BOB) as guard:
        index = MultiIndex(lambda: IndexSources(indexes=(guard.url, garden.index_url)))
        garden.index.requests.clear()
        error = index.releases_of(IndexQuery([SEEDSHELF]))[SEEDSHELF]
        assert isinstance(error, IndexUnavailable)
        assert json.dumps(error.facts)
        assert garden.index.requests == []


def test_password_that_is_wrong_by_now_is_named(garden: Demo) -> None:
    """uv itself says that there is no such project."""
    with guarded(garden.index_url, BOB) as guard:
        right = guard.with_credentials("bob:pa%2Fss%40w%3Ard")
        plan = PackageService(garden.python, index_url=right).plan_upgrade("seedshelf")
        service = PackageService(garden.python, index_url=guard.with_credentials("bob:wrong"))
        with pytest.raises(InstallFailed) as caught:
            service.apply(plan)
    address = guard.url.rstrip("/")
    assert "it answered HTTP 401 (user name or password missing or wrong)" in str(caught.value)
    assert address in str(caught.value)
    assert "wrong@" not in str(caught.value)
    assert caught.value.hint == (
        "Nothing was changed. Check the user name and the password of the index."
    )
