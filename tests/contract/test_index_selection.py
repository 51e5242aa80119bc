"""The index is that of uv's configuration, else pip's, else uv's default, for us and for uv."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from pkgwidgets import PackageService
from pkgwidgets.backends.config import index_selection, pip_config, uv_cache_dir, uv_config
from pkgwidgets.backends.config.index_sources import IndexSources
from pkgwidgets.backends.environment import interpreter
from pkgwidgets.backends.http.network_settings import NetworkSettings
from pkgwidgets.backends.index.multi import MultiIndex
from pkgwidgets.backends.installer import uv
from pkgwidgets.backends.processes import process
from pkgwidgets.core.errors import IndexUnavailable, PkgwidgetsError, ProjectNotFound
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import ResolveRequest
from pkgwidgets.core.releases import Release, ReleaseList
from pkgwidgets.demo import Demo
from pkgwidgets.demo.index_server import DemoIndex
from pkgwidgets.demo.wheel_builder import BuiltWheel

PEA = canonicalize_name("pea")
POD = canonicalize_name("pod")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_index_cache: None) -> Path:
    """Set up a machine without configuration, and a project folder as working folder."""
    for name in ("UV_NO_CONFIG", "NETRC", "PIP_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "home"
    (folder / "project" / "deep").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "own"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(folder / "shared"))
    monkeypatch.chdir(folder / "project" / "deep")
    return folder


@pytest.fixture
def write(home: Path) -> Callable[[str, str], Path]:
    def written(path: str, text: str) -> Path:
        file = home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    return written


Write = Callable[[str, str], Path]


def configured(home: Path) -> IndexSources:
    return index_selection.configured_indexes(uv.find_uv, home / "env")()


def versions(answer: object) -> list[str]:
    assert not isinstance(answer, PkgwidgetsError), answer
    assert isinstance(answer, ReleaseList | list | tuple)
    return [str(release.version) for release in answer if isinstance(release, Release)]


# --- which index is configured


def test_default_index_of_uv_is_used_without_settings(home: Path) -> None:
    default = uv_config.default_index(uv.find_uv())
    assert default.startswith("https://")
    assert configured(home) == IndexSources(indexes=(default,), access=configured(home).access)


def test_no_python_of_the_path_is_run(
    home: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uv looks for a Python, which may be a slow wrapper, unless it is given one."""
    for name in ("python", "python3"):
        write(f"bin/{name}", f"#!/bin/sh\necho run > {home}/was-run\nexit 1\n").chmod(0o755)
    monkeypatch.setenv("PATH", f"{home}/bin")
    assert len(configured(home).indexes) == 1
    assert not (home / "was-run").exists()


def test_uv_is_asked_once_where_an_index_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default index does not count there, and to ask for it is another process."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://a.invalid/s")
    uv_config.default_index.cache_clear()
    asked, real = list[str](), process.run

    def run(argv: Sequence[str], **options: Any) -> process.CompletedProcess:
        asked.append(argv[0])
        return real(argv, **options)

    monkeypatch.setattr(process, "run", run)
    sources = uv_config.uv_sources(uv.find_uv())
    assert sources is not None
    assert sources.indexes == ("http://a.invalid/s",)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("name", "value", "indexes"),
    [
        ("UV_DEFAULT_INDEX", "http://a.invalid/s", ["http://a.invalid/s"]),
        ("UV_INDEX_URL", "http://a.invalid/s", ["http://a.invalid/s"]),
        ("UV_INDEX", "x=http://a.invalid http://b.invalid", ["http://a.invalid", "http://b.invalid", ""]),  # noqa: E501
        ("UV_EXTRA_INDEX_URL", "http://a.invalid", ["http://a.invalid", ""]),
    ],
)  # fmt: skip
def test_index_is_read_from_the_variables_of_uv(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, indexes: list[str]
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("PIP_INDEX_URL", "http://pips.invalid/")
    default = uv_config.default_index(uv.find_uv())
    assert configured(home).indexes == tuple(index or default for index in indexes)


@pytest.mark.parametrize("file", ["project/uv.toml", "own/uv/uv.toml", "shared/uv/uv.toml"])
def test_index_is_read_from_uv_toml(home: Path, write: Write, file: str) -> None:
    write(file, 'index-url = "http://a.invalid/s"\nextra-index-url = ["http://b.invalid/s"]')
    assert configured(home).indexes == ("http://b.invalid/s", "http://a.invalid/s")


def test_index_is_read_from_pyproject_toml(home: Path, write: Write) -> None:
    write("project/pyproject.toml", '[tool.uv.pip]\nindex-url = "http://a.invalid/s"')
    assert configured(home).indexes == ("http://a.invalid/s",)


def test_default_index_named_in_uv_toml_overrides_pip(home: Path, write: Write) -> None:
    write("project/uv.toml", f'index-url = "{uv_config.default_index(uv.find_uv())}"')
    write("own/pip/pip.conf", "[global]\nindex-url = http://pips.invalid/")
    assert configured(home).indexes == (uv_config.default_index(uv.find_uv()),)


def test_named_flat_and_explicit_indexes_of_uv_are_read(
    home: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = [
        'name = "our-own"\nurl = "http://a.invalid/s"',
        'name = "flat"\nurl = "http://b.invalid/links"\nformat = "flat"',
        'name = "pinned"\nurl = "http://c.invalid/s"\nexplicit = true',
        'name = "d"\nurl = "http://d.invalid/s"\ndefault = true',
    ]
    write("project/uv.toml", "\n".join(f"[[index]]\n{table}" for table in tables))
    monkeypatch.setenv("UV_INDEX_OUR_OWN_USERNAME", "bob")
    monkeypatch.setenv("UV_INDEX_OUR_OWN_PASSWORD", "p@ss")
    sources = configured(home)
    assert sources.indexes == ("http://bob:p%40ss@a.invalid/s", "http://d.invalid/s")
    assert sources.links == ("http://b.invalid/links",)


def test_network_and_cutoff_settings_of_uv_are_read(home: Path, write: Write) -> None:
    write(
        "project/uv.toml",
        'keyring-provider = "subprocess"\nallow-insecure-host = ["a.invalid"]\n'
        'exclude-newer = "2025-01-02"\nexclude-newer-package = { pea = false }\n'
        'native-tls = true\nhttps-proxy = "http://p.invalid"\n'
        '[pip]\nindex-strategy = "unsafe-best-match"',
    )
    write("own/uv/uv.toml", 'allow-insecure-host = ["b.invalid:8"]\nexclude-newer = "2020-01-01"')
    sources = configured(home)
    assert sources.access.insecure_hosts == ("a.invalid", "b.invalid:8")
    assert sources.access.keyring
    assert sources.access.use_system_store
    assert dict(sources.access.proxies) == {"https": "http://p.invalid"}
    assert sources.strategy == "unsafe-best-match"
    assert sources.before == (("", "2025-01-02"), ("pea", ""))
    assert uv_config.uv_options(sources) == ("--exclude-newer-package", "pea=false")


def test_unreadable_uv_settings_are_reported_in_uvs_words_without_secrets(
    home: Path, write: Write
) -> None:
    write("project/uv.toml", 'index-url = "http://u:canary@a.invalid/"\nnonsense = [')
    with pytest.raises(IndexUnavailable, match="Failed to parse") as caught:
        configured(home)
    assert "canary" not in f"{caught.value}"


@pytest.mark.parametrize(
    ("file", "overriding"),
    [
        ("shared/pip/pip.conf", "own/pip/pip.conf"),
        (".pip/pip.conf", "own/pip/pip.conf"),
        ("own/pip/pip.conf", "env/pip.conf"),
        ("env/pip.conf", "named.conf"),
    ],
)
def test_index_is_read_from_the_files_of_pip_in_order(
    home: Path, write: Write, monkeypatch: pytest.MonkeyPatch, file: str, overriding: str
) -> None:
    write(file, "[global]\nindex-url = http://a.invalid/s\nextra-index-url = http://x.invalid")
    assert configured(home).indexes == ("http://x.invalid", "http://a.invalid/s")
    later = write(overriding, "[global]\nindex_url = http://b.invalid/s")
    if overriding == "named.conf":
        monkeypatch.setenv("PIP_CONFIG_FILE", str(later))
    assert configured(home).indexes == ("http://x.invalid", "http://b.invalid/s")
    monkeypatch.setenv("PIP_INDEX_URL", "http://c.invalid/s")
    assert configured(home).indexes == ("http://x.invalid", "http://c.invalid/s")


def test_pip_config_file_replaces_the_users_pip_conf(
    home: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("own/pip/pip.conf", "[global]\nindex-url = http://a.invalid/s")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(write("named.conf", "[install]\nno-index = yes")))
    assert configured(home).indexes == ()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    assert configured(home).indexes == (uv_config.default_index(uv.find_uv()),)


def test_network_settings_of_pip_are_read(home: Path, write: Write) -> None:
    write(
        "env/pip.conf",
        "[global]\nindex-url = http://a.invalid\nproxy = p.invalid:3128\ntimeout = 5\n"
        "trusted-host = a.invalid\n    b.invalid:8\n"
        "[install]\nindex-url = http://b.invalid/%7Esimple\nfind-links = ~/l http://c.invalid/l\n"
        "cert = /c.pem\nclient-cert = /d.pem\nkeyring-provider = subprocess\n",
    )
    (home / "l").mkdir()
    sources = configured(home)
    assert sources.indexes == ("http://b.invalid/%7Esimple",)
    assert sources.links == (f"{home}/l", "http://c.invalid/l")
    assert sources.access == NetworkSettings(
        insecure_hosts=("a.invalid", "b.invalid:8"),
        certificates="/c.pem",
        client_certificate="/d.pem",
        proxies=dict.fromkeys(("http", "https"), "http://p.invalid:3128"),
        keyring=True,
    )


def test_unreadable_pip_conf_is_named_but_not_quoted(home: Path, write: Write) -> None:
    file = write("env/pip.conf", "index-url = http://u:canary@a.invalid")
    with pytest.raises(IndexUnavailable, match=str(file)) as caught:
        pip_config.pip_options(home / "env")
    assert "canary" not in f"{caught.value} {caught.value.__cause__}"


# --- the environment of uv


def test_uv_reads_the_same_sources_from_its_process_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the process environment that we pass, uv uses the same sources."""
    links = home / "a folder, with a comma"
    links.mkdir()
    sources = IndexSources(
        indexes=("http://u:p%40@a.invalid/s", "http://b.invalid/s", "http://c.invalid/s"),
        links=(str(links), "http://u:q@d.invalid/l"),
    )
    monkeypatch.setenv("UV_INDEX_URL", "http://elsewhere.invalid")
    monkeypatch.setenv("UV_INDEX", "http://elsewhere.invalid")
    variables = uv_config.uv_environment(sources)
    assert "elsewhere" not in json.dumps(variables)
    for name in list(os.environ):
        if name.startswith("UV_"):
            monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    again = configured(home)
    assert again.indexes == sources.indexes
    assert again.links == (links.as_uri().replace(",", "%2C"), "http://u:q@d.invalid/l")
    assert not any("u:" in word for word in uv_config.uv_options(sources))


def test_uv_toml_cannot_redirect_an_upgrade(
    garden: Demo, home: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the file in the working folder, only the index and the limits are used."""
    elsewhere = home / "elsewhere"
    write(
        "project/uv.toml",
        f'index-url = "{garden.index_url}"\nreinstall = true\n[pip]\n'
        f'target = "{elsewhere}"\nrequire-hashes = true\n'
        'prerelease = "allow"\nno-deps = true',
    )
    service = PackageService(garden.python)
    assert service.index_url == garden.index_url
    plan = service.plan_upgrade("seedshelf")
    assert [str(change) for change in plan.changes] == ["seedshelf 1.4.1 → 1.4.2"]
    service.apply(plan)
    assert service.get_package("seedshelf").version == "1.4.2"
    assert not elsewhere.exists()


@pytest.mark.parametrize("by", ["HOME", "XDG_CACHE_HOME", "UV_CACHE_DIR"])
def test_uv_cache_that_cannot_be_created_is_replaced(
    garden: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """A file is in the folder's place: not even root can write there."""
    for name in ("UV_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "file").touch()
    monkeypatch.setenv(by, str(tmp_path / "file" / "below"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # for the process that applies
    service = PackageService(garden.python, index_url=garden.index_url)
    service.upgrade_package("seedshelf")
    assert service.get_package("seedshelf").version == "1.4.2"
    assert uv_cache_dir.uv_cache_dir().parent == tmp_path


# --- several indexes


def pea(version: str) -> BuiltWheel:
    return BuiltWheel(name="pea", version=version, files={"pea.py": ""})


def releases_of_pea(sources: IndexSources) -> object:
    return MultiIndex(lambda: sources).releases_of(IndexQuery([PEA], refresh=True))[PEA]


def test_first_index_that_has_the_project_is_used() -> None:
    with DemoIndex([pea("1.0")]) as first, DemoIndex([pea("2.0")]) as second:
        both = IndexSources(indexes=(first.url, second.url))
        assert versions(releases_of_pea(both)) == ["1.0"]
        assert second.requests == []
        first.withdraw("pea")
        assert versions(releases_of_pea(both)) == ["2.0"]
        second.withdraw("pea")
        nobody = releases_of_pea(both)
        assert isinstance(nobody, ProjectNotFound)
        assert nobody.index == f"{first.url}, {second.url}"


def test_unsafe_best_match_joins_all_indexes() -> None:
    with DemoIndex([pea("1.0")]) as first, DemoIndex([pea("2.0"), pea("1.0")]) as second:
        sources = IndexSources(indexes=(first.url, second.url), strategy="unsafe-best-match")
        assert versions(releases_of_pea(sources)) == ["2.0", "1.0"]
        first.withdraw("pea")
        assert versions(releases_of_pea(sources)) == ["2.0", "1.0"]


def test_files_uploaded_after_exclude_newer_are_ignored() -> None:
    with DemoIndex([pea("1.0"), pea("2.0")]) as index:
        early, late = ("2026-01-01T00:00:00Z",), ("2026-01-01",)
        assert (
            versions(releases_of_pea(IndexSources(indexes=(index.url,), before=(("", early[0]),))))
            == []
        )
        assert versions(
            releases_of_pea(IndexSources(indexes=(index.url,), before=(("", late[0]),)))
        ) == [
            "2.0",
            "1.0",
        ]
        own = IndexSources(indexes=(index.url,), before=(("", early[0]), ("pea", "")))
        assert versions(releases_of_pea(own)) == ["2.0", "1.0"]


@pytest.mark.parametrize("kind", ["folder", "file address", "page", "page on this machine"])
def test_find_links_are_candidates_beside_the_index(tmp_path: Path, kind: str) -> None:
    wheel = pea("3.0")
    (tmp_path / wheel.filename).write_bytes(wheel.data)
    (tmp_path / "pod-1.0-py3-none-any.whl").write_bytes(b"x")
    (tmp_path / "readme.txt").touch()
    page = tmp_path / "links.html"
    page.write_text(f'<a href="{wheel.filename}#sha256={wheel.sha256}">pea</a>')
    with DemoIndex([pea("1.0"), wheel]) as index:
        links = {
            "folder": str(tmp_path),
            "file address": tmp_path.as_uri(),
            "page": f"{index.url}pea/",
            "page on this machine": page.as_uri(),
        }
        joined = MultiIndex(lambda: IndexSources(indexes=(index.url,), links=(links[kind],)))
        answers = joined.releases_of(IndexQuery([PEA, POD]))
        assert versions(answers[PEA]) == ["3.0", "1.0"]
        answer = answers[PEA]
        assert isinstance(answer, ReleaseList)
        newest = answer[0]
        assert {candidate.sha256 for candidate in newest.wheels} == {wheel.sha256}
        assert isinstance(answers[POD], ReleaseList) is (kind in ("folder", "file address"))
        assert joined.url.startswith(index.url)


def test_find_links_work_without_an_index(tmp_path: Path, garden: Demo) -> None:
    wheel = BuiltWheel(name="seedshelf", version="9.0", files={"seedshelf.py": ""})
    (tmp_path / wheel.filename).write_bytes(wheel.data)
    garden.index.down = True
    sources = IndexSources(indexes=(), links=(str(tmp_path),))
    installer = uv.UvInstaller(interpreter.describe(garden.python), lambda: sources)
    after = installer.resolve(ResolveRequest(requirements=("seedshelf>8",)))
    assert {name: str(version) for name, version in after.items()} == {"seedshelf": "9.0"}
    query = IndexQuery([canonicalize_name("seedshelf")])
    answer = MultiIndex(lambda: sources).releases_of(query)
    assert versions(answer[canonicalize_name("seedshelf")]) == ["9.0"]


def test_unreadable_find_links_mark_the_release_list_as_incomplete(tmp_path: Path) -> None:
    with DemoIndex([pea("1.0")]) as index:
        sources = IndexSources(indexes=(index.url,), links=(str(tmp_path / "gone"),))
        answer = releases_of_pea(sources)
        assert versions(answer) == ["1.0"]
        assert isinstance(answer, ReleaseList)
        assert "gone is not available: it cannot be read" in answer.stale_reason
        index.withdraw("pea")
        assert isinstance(releases_of_pea(sources), IndexUnavailable)


def test_index_settings_are_not_read_before_they_are_needed(
    garden: Demo, home: Path, write: Write
) -> None:
    write("project/uv.toml", "nonsense")
    service = PackageService(garden.python)
    assert len(service.get_packages()) > 3
    assert service.plan_uninstall("allotboard").changes
    with pytest.raises(IndexUnavailable):
        service.check_for_updates()
