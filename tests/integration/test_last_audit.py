"""A kept audit equals a new one, and ends with the first change of anything that it is made of."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import get_ident
from typing import Any

import pytest
from osv_server import OsvServer

import pkgwidgets
from pkgwidgets.backends import kept_file
from pkgwidgets.backends.advisories import last_audit, record_files
from pkgwidgets.backends.environment import stat_keys
from pkgwidgets.backends.user_cache import cache_folder
from pkgwidgets.connect import connect
from pkgwidgets.core import osv
from pkgwidgets.core.advisories import Effect
from pkgwidgets.core.audit import Audit
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.last_audit import NoLastAudit
from pkgwidgets.core.names import checked_name
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import audit as audits
from pkgwidgets.operations import holds
from pkgwidgets.operations.apply import apply_plan
from pkgwidgets.operations.listing import list_names

LATER_NS = 5 * 10**9


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the index's answers be fresh for ten minutes, and files be older than two seconds."""
    monkeypatch.setattr("pkgwidgets.backends.index.simple._freshness", lambda response: 600.0)
    for module in (
        "environment.environment_stat_key",
        "history.transaction_cache",
        "advisories.record_files",
    ):
        monkeypatch.setattr(
            f"pkgwidgets.backends.{module}.time_ns", lambda: time.time_ns() + LATER_NS
        )


@pytest.fixture
def server(garden: Demo) -> Iterator[OsvServer]:
    """Serve the demo's records, and let the environment name the service."""
    folder = garden.folder / "advisories"
    with OsvServer([json.loads(file.read_text()) for file in folder.iterdir()]) as running:
        settings = garden.folder / "env" / "pkgwidgets.toml"
        settings.write_text(f'[advisories]\nsources = ["{running.url}"]\n')
        connected(garden).advisories().agree([running.url])
        yield running


def connected(garden: Demo) -> Backend:
    """Return a backend as a new process has it: it shares only files with others."""
    return connect(garden.python, garden.index_url)


def audited(garden: Demo, **changed: Any) -> Audit:
    backend = replace(connected(garden), **changed)
    return audits.audit(backend, backend.advisories().sources())


def is_kept(garden: Demo) -> bool:
    backend = connected(garden)
    states = [source.state() for source in backend.advisories().sources()]
    return backend.last_audit.load("\n".join(states)) is not None


def test_last_audit_equals_a_new_one_and_asks_nobody(garden: Demo, server: OsvServer) -> None:
    first = audited(garden)
    asked = len(server.requests), len(garden.index.requests)
    assert is_kept(garden)
    assert audited(garden) == first
    assert (len(server.requests), len(garden.index.requests)) == asked
    assert audited(garden, last_audit=NoLastAudit()) == first
    assert len(first.findings) == 2


def test_last_audit_loads_no_http_client(garden: Demo, server: OsvServer) -> None:
    code = (
        "import sys, time\n"
        f"sys.path.insert(0, {str(Path(pkgwidgets.__file__).parent.parent)!r})\n"
        "from pkgwidgets.connect import connect\n"
        "from pkgwidgets.backends.environment import environment_stat_key as keys\n"
        f"keys.time_ns = lambda: time.time_ns() + {LATER_NS}\n"
        "from pkgwidgets.backends.history import transaction_cache\n"
        "transaction_cache.time_ns = keys.time_ns\n"
        "from pkgwidgets.operations.audit import audit\n"
        "backend = connect(sys.argv[1], sys.argv[2])\n"
        "rows = audit(backend, backend.advisories().sources()).rows\n"
        "print(len(rows), [n for n in ('requests', 'urllib3', 'asyncio') if n in sys.modules])"
    )
    audited(garden)
    # The build of this process: another one does not read what it has kept.
    argv = [sys.executable, "-P", "-c", code, str(garden.python), garden.index_url]
    second = subprocess.run(argv, check=True, capture_output=True, text=True)
    assert second.stdout.strip() == "2 []"


def test_records_in_a_folder_are_kept_while_no_file_changes(garden: Demo) -> None:
    first = audited(garden)
    assert is_kept(garden)
    assert audited(garden) == first
    (garden.folder / "advisories" / "more.json").write_text("{}")
    assert not is_kept(garden)


def hold(garden: Demo) -> None:
    backend = connected(garden)
    apply_plan(backend, holds.plan_hold(backend, "seedshelf", "<1.4.2", reason="charts"))


def change_metadata(garden: Demo) -> None:
    (file,) = garden.site_packages.glob("seedshelf-*.dist-info/METADATA")
    file.write_text(file.read_text("utf-8").replace("Version: 1.4.1", "Version: 1.4.2"), "utf-8")


def edit_settings(garden: Demo) -> None:
    with (garden.folder / "env" / "pkgwidgets.toml").open("a") as file:
        file.write('\n[min-age]\nage = "9999999d"\n')


def publish_and_check(garden: Demo) -> None:
    """Publish a release, of which a check learns after the audit."""
    wheel = BuiltWheel(name="seedshelf", version="1.4.1.1", files={"seedshelf.py": ""})
    garden.index.publish(wheel)
    from pkgwidgets.operations import inventory

    inventory.check_for_updates(connected(garden), refresh=True)


def name_another_source(garden: Demo) -> None:
    folder = garden.folder / "advisories"
    settings = garden.folder / "env" / "pkgwidgets.toml"
    settings.write_text(f'[advisories]\nsources = ["{folder}"]\n')


@pytest.mark.parametrize(
    "change", [hold, change_metadata, edit_settings, publish_and_check, name_another_source]
)
def test_change_ends_a_last_audit(
    garden: Demo, server: OsvServer, change: Callable[[Demo], None]
) -> None:
    audited(garden)
    assert is_kept(garden)
    change(garden)
    assert not is_kept(garden)
    assert audited(garden).rows == audited(garden, last_audit=NoLastAudit()).rows


class _Later(datetime):
    shift = timedelta()

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return datetime.now(tz) + cls.shift


@pytest.mark.parametrize(
    ("affected", "minutes", "holds_still"),
    [(True, 9, True), (True, 11, False), (True, -1, False), (False, 59, True), (False, 61, False)],
)
def test_last_audit_ends_with_its_answers(
    garden: Demo,
    server: OsvServer,
    monkeypatch: pytest.MonkeyPatch,
    affected: bool,
    minutes: int,
    holds_still: bool,
) -> None:
    """Those of the index are fresh for ten minutes, those of the service for an hour."""
    if not affected:
        server.records.clear()
    audited(garden)
    for module in ("index.simple", "index.last_check"):
        monkeypatch.setattr(
            f"pkgwidgets.backends.{module}.time", lambda: time.time() + 60 * minutes
        )
    monkeypatch.setattr(_Later, "shift", timedelta(minutes=minutes))
    monkeypatch.setattr(last_audit, "datetime", _Later)
    assert is_kept(garden) is holds_still


def test_data_that_becomes_old_ends_a_last_audit(
    garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data that will be 30 days old in an hour is kept for that hour."""
    folder = garden.folder / "advisories"
    almost = datetime.now(UTC) - timedelta(days=30) + timedelta(hours=1)
    package = {"name": "other", "ecosystem": "PyPI"}
    affected = [{"package": package, "versions": ["1"]}]
    for file in folder.glob("*.json"):
        file.unlink()
    record = {"id": "TEST-1", "modified": almost.isoformat(), "affected": affected}
    (folder / "1.json").write_text(json.dumps(record))
    assert audited(garden).rows == ()
    assert is_kept(garden)
    monkeypatch.setattr(last_audit, "datetime", _Later)
    monkeypatch.setattr(_Later, "shift", timedelta(minutes=59))
    assert is_kept(garden)
    monkeypatch.setattr(_Later, "shift", timedelta(minutes=61))
    assert not is_kept(garden)


@pytest.mark.parametrize("kind", ["folder", "service"])
def test_withdrawal_in_the_future_ends_a_last_audit(
    garden: Demo, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, kind: str
) -> None:
    """The record counts until that moment, for which nothing else is asked or changed."""
    file = min((garden.folder / "advisories").glob("*.json"))
    moment = datetime.now(UTC) + timedelta(minutes=5)
    file.write_text(json.dumps({**json.loads(file.read_text()), "withdrawn": moment.isoformat()}))
    if kind == "service":
        request.getfixturevalue("server")
    backend = connected(garden)
    sources = backend.advisories().sources()
    before = audits.audit(backend, sources)
    for module in (last_audit, record_files, osv):
        monkeypatch.setattr(module, "datetime", _Later)
    monkeypatch.setattr(_Later, "shift", timedelta(minutes=4))
    assert is_kept(garden)
    monkeypatch.setattr(_Later, "shift", timedelta(minutes=6))
    assert not is_kept(garden)
    after = audits.audit(replace(backend, last_audit=NoLastAudit()), sources)
    assert len(after.findings) == len(before.findings) - 1


def test_audit_with_a_doubt_is_not_kept(garden: Demo) -> None:
    (garden.folder / "advisories" / "broken.json").write_text("{")
    assert audited(garden).unknown
    assert not is_kept(garden)


def test_files_that_were_just_written_keep_nothing(
    garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_files, "time_ns", time.time_ns)
    (garden.folder / "advisories" / "new.json").write_text("{}")
    audited(garden)
    assert not is_kept(garden)


def _row(position: int, value: object) -> Callable[[Any], Any]:
    def change(body: Any) -> Any:
        body[1][0][position] = value
        return body

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda body: [],
        lambda body: 3,
        lambda body: ["x", body[1]],
        lambda body: [body[0], [[]]],
        lambda body: [body[0], [[None] * 15]],
        _row(0, 3),
        _row(2, "no version"),
        _row(4, [3]),
        _row(5, "moon"),
        _row(8, "perhaps"),
        _row(13, "yesterday"),
    ],
    ids=range(11),
)
def test_foreign_content_counts_as_missing(
    garden: Demo, server: OsvServer, change: Callable[[Any], Any]
) -> None:
    first = audited(garden)
    (file,) = (cache_folder() / "audits-1").iterdir()
    head, body = kept_file.read(file)
    kept_file.write(file, head, json.dumps(change(json.loads(body))))
    assert not is_kept(garden)
    assert audited(garden) == first


@pytest.mark.parametrize("head", ["[]", "3", "{}", '["a", "b", "c", {}]', "[" * 50_000])
def test_foreign_head_counts_as_missing(garden: Demo, server: OsvServer, head: str) -> None:
    audited(garden)
    (file,) = (cache_folder() / "audits-1").iterdir()
    kept_file.write(file, head, kept_file.read(file)[1])
    assert not is_kept(garden)


# --- likely versions, from the names of folders


def test_metadata_decides_where_the_name_of_its_folder_differs(
    garden: Demo, server: OsvServer
) -> None:
    """The folder says seedshelf 1.4.1, which is affected; METADATA says another project."""
    (file,) = garden.site_packages.glob("seedshelf-*.dist-info/METADATA")
    text = file.read_text("utf-8")
    file.write_text(text.replace("Version: 1.4.1", "Version: 1.4.2"), "utf-8")
    assert {row.id for row in audited(garden).findings} == {"raintable"}
    file.write_text(text.replace("Name: seedshelf", "Name: pea"), "utf-8")
    audit = audited(garden)
    assert (audit.checked, {row.id for row in audit.findings}) == (11, {"raintable"})
    sent = [query["package"]["name"] for path, body in server.requests if body
            for query in body["queries"]]  # fmt: skip
    assert "pea" in sent


def test_affected_version_under_a_safe_folder_name_is_found(
    garden: Demo, server: OsvServer
) -> None:
    (info,) = garden.site_packages.glob("seedshelf-*.dist-info")
    info.rename(info.with_name("seedshelf-1.4.2.dist-info"))
    (row,) = (row for row in audited(garden).findings if row.id == "seedshelf")
    assert (str(row.version), row.effect) == ("1.4.1", Effect.AFFECTED)


@pytest.mark.parametrize("mark", ["direct_url.json", "finder"])
def test_editable_package_is_sent_neither_early_nor_late(
    garden: Demo, server: OsvServer, mark: str
) -> None:
    (info,) = garden.site_packages.glob("seedshelf-*.dist-info")
    if mark == "finder":
        (garden.site_packages / f"__editable__.{info.stem}.pth").write_text("")
    else:
        direct = '{"url": "file:///src", "dir_info": {"editable": true}}'
        (info / "direct_url.json").write_text(direct)
    audited(garden)
    names = {query["package"]["name"] for _, body in server.requests if body
             for query in body["queries"]}  # fmt: skip
    assert "seedshelf" not in names
    assert len(names) == 10


def test_one_request_is_enough_for_usual_names(garden: Demo, server: OsvServer) -> None:
    """Spellings of older installers need no second request."""
    (info,) = garden.site_packages.glob("compost_log-*.dist-info")
    info.rename(info.with_name(info.name.replace("compost_log", "Compost.Log")))
    audited(garden)
    batches = [body["queries"] for path, body in server.requests if path == "/v1/querybatch"]
    assert [len(queries) for queries in batches] == [11, 2]  # all; every version of the affected


def test_likely_versions_are_those_of_metadata(garden: Demo) -> None:
    backend = connected(garden)
    listed = {name: row.version for name, row in list_names(backend).items()}
    assert backend.last_versions.guess() == listed
    twin = garden.site_packages / "raintable-3.0.0.dist-info"
    twin.mkdir()
    (garden.site_packages / "pea-no.dist-info").mkdir()
    (garden.site_packages / "pod.egg-info").write_text("Name: pod\nVersion: 2\n")
    guessed = connected(garden).last_versions.guess()
    assert set(guessed) == {*listed, checked_name("pod")} - {"raintable"}


def test_one_look_serves_this_block_and_this_thread_alone(
    garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    real = stat_keys.with_keys

    def counted(*arguments: Any) -> Any:
        looks.append(get_ident())
        return real(*arguments)

    backend = connected(garden)
    monkeypatch.setattr(stat_keys, "with_keys", counted)
    with backend.last_versions.one_look():
        assert backend.last_versions.state()
        once = len(looks)
        (file,) = garden.site_packages.glob("seedshelf-*.dist-info/METADATA")
        file.write_text(file.read_text("utf-8").replace("1.4.1", "1.4.2"), "utf-8")
        backend.environment.distributions()
        assert len(looks) == once
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(backend.environment.distributions).result()
    now = backend.environment.distributions()
    assert str(getattr(other[checked_name("seedshelf")], "version", "")) == "1.4.2"
    assert str(getattr(now[checked_name("seedshelf")], "version", "")) == "1.4.2"
