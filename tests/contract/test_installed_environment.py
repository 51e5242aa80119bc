"""What is installed is listed as it is, whatever the files say, and one at a time changes it."""

from __future__ import annotations

import errno
import fcntl
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import Kit

from pkgwidgets.backends.environment import interpreter
from pkgwidgets.backends.environment.installed_environment import InstalledEnvironment
from pkgwidgets.backends.processes import process
from pkgwidgets.core.environment import Distribution, Origin, Unreadable
from pkgwidgets.core.errors import EnvironmentBusy, EnvironmentRefused
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.demo import Demo, catalog

PYTHON = Path(sys.executable)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "env" / "lib" / "site-packages"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def environment(site: Path) -> InstalledEnvironment:
    """An environment of nothing but folders: listing one needs no Python."""
    prefix = site.parent.parent
    scheme = {"purelib": site, "platlib": site, "scripts": prefix / "bin", "data": prefix}
    facts = interpreter.describe(PYTHON)
    facts = replace(facts, prefix=prefix, scheme=scheme, search=(site,), externally_managed=None)
    return InstalledEnvironment(facts)


def metadata(name: str = "pea", version: str = "1.0", more: str = "") -> bytes:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}".encode()


def installed(
    site: Path,
    folder: str = "pea-1.0.dist-info",
    files: Mapping[str, bytes] | None = None,
    **more: bytes,
) -> Path:
    """Write a dist-info; a file's name has `__` for its dot."""
    path = site / folder
    path.mkdir()
    for name, content in {"METADATA": metadata(), **(files or {}), **more}.items():
        (path / name.replace("__", ".")).write_bytes(content)
    return path


def only(environment: InstalledEnvironment) -> Distribution | Unreadable:
    (found,) = environment.distributions().values()
    return found


def read(environment: InstalledEnvironment) -> Distribution:
    found = only(environment)
    assert isinstance(found, Distribution)
    return found


# --- both


def test_everything_is_listed_by_id_in_the_order_of_names(kit: Kit) -> None:
    found = kit.backend.environment.distributions()
    assert list(found) == sorted(found)
    named = {f"{d.name}=={d.version}" for d in found.values() if isinstance(d, Distribution)}
    assert named == set(catalog.INSTALLED)
    assert all(id == distribution.id for id, distribution in found.items())


def test_a_listing_is_read_anew(kit: Kit) -> None:
    before = kit.backend.environment.distributions()
    for file in ("METADATA", "RECORD"):
        kit.edit(f"beanpoles-1.1.0.dist-info/{file}", b"")
    after = kit.backend.environment.distributions()
    changed = [id for id, found in after.items() if not isinstance(found, Distribution)]
    assert changed == ["beanpoles"]
    assert isinstance(before[changed[0]], Distribution)


def test_requested_and_requirements_are_read(kit: Kit) -> None:
    found = kit.backend.environment.distributions()
    distributions = {i: d for i, d in found.items() if isinstance(d, Distribution)}
    assert {i for i, d in distributions.items() if not d.requested} == catalog.DEPENDENCIES
    assert [d.requires for i, d in distributions.items() if i == "bedplanner"] == [
        ("beanpoles>=1", "sundrift>=1")
    ]
    assert {d.origin for d in distributions.values()} == {Origin.INDEX}


def test_nothing_speaks_against_a_change(kit: Kit) -> None:
    before = kit.tree()
    assert kit.backend.environment.read_only_reason() is None
    assert kit.tree() == before


def test_one_at_a_time_holds_it(kit: Kit) -> None:
    environment = kit.backend.environment
    with environment.locked("the first"):
        second = environment.locked("the second")
        with pytest.raises(EnvironmentBusy, match="by the first") as caught, second:
            raise AssertionError("both hold it")
        assert caught.value.holder.startswith("the first")
    with environment.locked("the third"):
        assert environment.distributions()


def test_an_error_frees_it(kit: Kit) -> None:
    environment = kit.backend.environment
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), environment.locked("a failing one"):
            raise ZeroDivisionError


# --- origins, told by real metadata files


@pytest.mark.parametrize(
    ("files", "origin", "location"),
    [
        ({}, Origin.INDEX, ""),
        ({"INSTALLER": b"pip\n"}, Origin.INDEX, ""),
        (
            {"direct_url__json": b'{"url": "file:///src/pea", "dir_info": {"editable": true}}'},
            Origin.EDITABLE,
            "file:///src/pea",
        ),
        (
            {"direct_url__json": b'{"url": "file:///src/pea", "dir_info": {}}'},
            Origin.URL,
            "file:///src/pea",
        ),
        (
            {"direct_url__json": b'{"url": "https://u:secret@h/p.whl", "archive_info": {}}'},
            Origin.URL,
            "https://h/p.whl",
        ),
        (
            {"direct_url__json": b'{"url": "ssh://git@h/p", "vcs_info": {"vcs": "git"}}'},
            Origin.VCS,
            "ssh://h/p",
        ),
        ({"INSTALLER": b"conda"}, Origin.CONDA, None),
        ({"INSTALLER": b"debian\n"}, Origin.SYSTEM, None),
    ],
    ids=["index", "pip", "editable", "folder", "url", "vcs", "conda", "debian"],
)
def test_an_origin_is_recognised(
    environment: InstalledEnvironment,
    site: Path,
    files: dict[str, bytes],
    origin: Origin,
    location: str | None,
) -> None:
    installed(site, files=files)
    found = read(environment)
    assert found.origin is origin
    assert location in (None, found.location)


def test_conda_owns_what_its_records_list(environment: InstalledEnvironment, site: Path) -> None:
    installed(site)
    installed(site, "pod-1.0.dist-info", METADATA=metadata("pod"))
    records = environment.interpreter.prefix / "conda-meta"
    records.mkdir()
    (records / "pea-1.0-0.json").write_text(
        '{"files": ["bin/x", "lib/site-packages/pea-1.0.dist-info/METADATA"]}'
    )
    listed = environment.distributions().values()
    found = {d.id: d.origin for d in listed if isinstance(d, Distribution)}
    assert found == {"pea": Origin.CONDA, "pod": Origin.INDEX}


def test_what_lies_in_anothers_folder_is_the_systems(
    environment: InstalledEnvironment, site: Path, tmp_path: Path
) -> None:
    (tmp_path / "dist-packages").mkdir()
    installed(tmp_path / "dist-packages")
    facts = replace(environment.interpreter, search=(site, tmp_path / "dist-packages"))
    assert read(InstalledEnvironment(facts)).origin is Origin.SYSTEM


def test_the_first_folder_of_the_path_counts(
    environment: InstalledEnvironment, site: Path, tmp_path: Path
) -> None:
    (tmp_path / "later").mkdir()
    installed(tmp_path / "later", "pea-2.0.dist-info", METADATA=metadata("pea", "2.0"))
    mine = installed(site)
    facts = replace(environment.interpreter, search=(site, tmp_path / "later"))
    assert read(InstalledEnvironment(facts)).path == mine


# --- metadata that is not what it should be


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"METADATA": b""}, "names no project"),
        ({"METADATA": b"Version: 1.0\n"}, "names no project"),
        ({"METADATA": metadata("")}, "names no project"),
        ({"METADATA": metadata("two words")}, "names no project"),
        ({"METADATA": metadata("<script>")}, "names no project"),
        ({"METADATA": metadata("../pea")}, "names no project"),
        ({"METADATA": metadata("pea\u200b")}, "names no project"),
        ({"METADATA": b"Name: \xff\xfe\xe9\nVersion: 1.0\n"}, "names no project"),
        ({"METADATA": b"Name: pea\n"}, "its version '' is none"),
        ({"METADATA": metadata(version="one")}, "its version 'one' is none"),
        ({"METADATA": metadata(version="1" * 5000)}, ""),
        ({"METADATA": b"\x00\x01\x02" * 1000}, "names no project"),
        ({"direct_url__json": b"garbage"}, "Expecting value"),
        ({"direct_url__json": b"[1]"}, "no object"),
        ({"direct_url__json": b"null"}, "no object"),
        ({"direct_url__json": b"\xff\xfe"}, ""),
        ({"direct_url__json": b'{"url": "http://["}'}, "Invalid IPv6"),
    ],
    ids=range(17),
)
def test_bad_metadata_is_a_row_with_a_reason(
    environment: InstalledEnvironment, site: Path, files: dict[str, bytes], reason: str
) -> None:
    path = installed(site, files=files)
    found = only(environment)
    assert isinstance(found, Unreadable)
    assert (found.id, found.path) == ("pea", path)
    assert reason in found.reason
    assert 0 < len(found.reason) <= 300


@pytest.mark.parametrize("name", ["-e", "--index-url", "naïve", "_pea", "pea-"])
def test_a_name_that_no_installer_takes_is_a_row_with_a_reason(
    environment: InstalledEnvironment, site: Path, name: str
) -> None:
    installed(site, METADATA=metadata(name))
    assert isinstance(only(environment), Unreadable)


@pytest.mark.parametrize("about", [b'"yes"', b"[1]", b"null", b"5"])
def test_a_strange_direct_url_is_not_the_indexs(
    environment: InstalledEnvironment, site: Path, about: bytes
) -> None:
    installed(site, direct_url__json=b'{"url": "x", "dir_info": ' + about + b"}")
    assert read(environment).origin is Origin.URL


def test_a_direct_url_without_an_end_is_a_row_with_a_reason(
    environment: InstalledEnvironment, site: Path
) -> None:
    installed(site, direct_url__json=b"[" * 100_000)
    assert isinstance(only(environment), Unreadable)


@pytest.mark.parametrize("text", ['{"files": null}', "[]", "garbage"])
def test_a_strange_record_of_conda_leaves_the_listing_whole(
    environment: InstalledEnvironment, site: Path, text: str
) -> None:
    installed(site)
    (environment.interpreter.prefix / "conda-meta").mkdir()
    (environment.interpreter.prefix / "conda-meta" / "x.json").write_text(text)
    assert isinstance(only(environment), Distribution)


def test_missing_metadata_is_a_row_with_a_reason(
    environment: InstalledEnvironment, site: Path
) -> None:
    (site / "Pea_Pod-1.0.dist-info").mkdir()
    (site / "snail.egg-info").mkdir()
    (site / "worm-1.0.dist-info").write_text("a file")
    found = environment.distributions()
    reasons = {id: f.reason for id, f in found.items() if isinstance(f, Unreadable)}
    assert reasons == {
        "pea-pod": "METADATA is missing",
        "snail": "PKG-INFO is missing",
        "worm": "METADATA is missing",
    }


def test_two_of_one_name_are_one_row_with_a_reason(
    environment: InstalledEnvironment, site: Path
) -> None:
    installed(site)
    installed(site, "Pea-2.0.dist-info", METADATA=metadata("Pea", "2.0"))
    found = only(environment)
    assert isinstance(found, Unreadable)
    assert found.reason == "installed twice: Pea-2.0.dist-info and pea-1.0.dist-info"


def test_what_pip_left_behind_is_ignored(environment: InstalledEnvironment, site: Path) -> None:
    installed(site, "~ea-1.0.dist-info")
    (site / "~ea").mkdir()
    assert environment.distributions() == {}


def test_a_huge_summary_is_cut_short(environment: InstalledEnvironment, site: Path) -> None:
    installed(site, METADATA=metadata(more=f"Summary: {'long ' * 1_000_000}\n"))
    assert read(environment).summary.startswith("long long")
    assert len(read(environment).summary) == 512


def test_folded_and_foreign_lines_are_read_as_mail_does(
    environment: InstalledEnvironment, site: Path
) -> None:
    more = "Summary: one\n  two\nrequires-dist: pod>=1\nRequires-Dist: bean\n\nRequires-Dist: no\n"
    installed(site, METADATA=metadata(more=more).replace(b"\n", b"\r\n"), INSTALLER=b"uv")
    found = read(environment)
    assert found.requires == ("pod>=1", "bean")
    assert " ".join(found.summary.split()) == "one two"
    assert found.installer == "uv"


def test_a_folder_that_is_not_there_is_empty(environment: InstalledEnvironment, site: Path) -> None:
    shutil.rmtree(site)
    assert environment.distributions() == {}


# --- the interpreter


def test_this_interpreter_is_asked_without_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "run", None)
    found = interpreter.describe(PYTHON)
    assert found.prefix == Path(sys.prefix)
    assert found == interpreter.describe()


@pytest.fixture
def unknown(garden: Demo) -> Iterator[Demo]:
    """Give a garden whose interpreter was not asked yet."""
    interpreter._ask_interpreter.cache_clear()
    yield garden
    interpreter._ask_interpreter.cache_clear()


def test_another_interpreter_is_asked_once(unknown: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    garden = unknown
    ran: list[object] = []
    run = process.run

    def counted(argv: list[str], timeout: float) -> process.CompletedProcess:
        ran.append(argv)
        return run(argv, timeout=timeout)

    monkeypatch.setattr(process, "run", counted)
    first, second = interpreter.describe(garden.python), interpreter.describe(garden.python)
    assert first == second
    assert len(ran) == 1
    assert (first.python, first.prefix) == (garden.python, garden.folder / "env")
    assert first.scheme["purelib"] == garden.site_packages == first.search[0]
    assert first.version == ".".join(map(str, sys.version_info[:3]))
    assert "py3-none-any" in first.tags


def test_noise_at_its_start_does_no_harm(unknown: Demo) -> None:
    garden = unknown
    noise = "import sys; print('noise'); print('more', file=sys.stderr)\n"
    (garden.site_packages / "noise.pth").write_text(noise)
    assert interpreter.describe(garden.python).prefix == garden.folder / "env"


def test_noise_at_its_end_does_no_harm(unknown: Demo) -> None:
    garden = unknown
    noise = "import atexit; atexit.register(print, 'noise')\n"
    (garden.site_packages / "noise.pth").write_text(noise)
    assert interpreter.describe(garden.python).prefix == garden.folder / "env"


def missing(folder: Path) -> Path:
    return folder / "nothing"


def not_executable(folder: Path) -> Path:
    (folder / "python").write_text("#!/bin/sh\n")
    return folder / "python"


def no_python(folder: Path) -> Path:
    file = not_executable(folder)
    file.write_text("#!/bin/sh\necho oh dear >&2\n")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (missing, "There is no Python at"),
        (not_executable, "cannot be started: Permission denied"),
        (lambda folder: folder, "cannot be started"),
        (no_python, "is no Python that answers: oh dear"),
    ],
    ids=["missing", "not executable", "a folder", "something else"],
)
def test_what_is_no_interpreter_is_refused(
    tmp_path: Path, make: Callable[[Path], Path], reason: str
) -> None:
    with pytest.raises(EnvironmentRefused, match=reason):
        interpreter.describe(make(tmp_path))


# --- the lock


HOLD = "import sys, time, fcntl, os; fcntl.flock(os.open(sys.argv[1], os.O_RDWR), fcntl.LOCK_EX); "


def test_another_process_excludes_until_it_is_killed(
    environment: InstalledEnvironment,
) -> None:
    with environment.locked("nobody yet"):
        pass
    lock = environment.place / "lock"
    said = HOLD + "os.write(3, b'somebody else'); print(1, flush=True); time.sleep(60)"
    with subprocess.Popen([PYTHON, "-c", said, lock], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"1\n"
        with pytest.raises(EnvironmentBusy, match="somebody else"), environment.locked("me"):
            raise AssertionError("both hold it")
        holder.send_signal(signal.SIGKILL)
    with environment.locked("me"):
        assert lock.read_text().startswith("me (process ")
    assert lock.exists()


def test_a_child_that_inherits_it_still_holds_it(environment: InstalledEnvironment) -> None:
    with environment.locked("the parent"):
        assert environment.lock_descriptor is not None
        child = subprocess.Popen(["sleep", "60"], pass_fds=[environment.lock_descriptor])
    try:
        # The parent has ended: who it was says nothing any more.
        with pytest.raises(EnvironmentBusy, match="another process"), environment.locked("me"):
            raise AssertionError("both hold it")
    finally:
        child.kill()
        child.wait()
    with environment.locked("me"):
        assert environment.lock_descriptor is not None
    assert environment.lock_descriptor is None


def test_a_refused_second_holder_takes_nothing_from_the_first(
    environment: InstalledEnvironment,
) -> None:
    with environment.locked("the first"):
        held = environment.lock_descriptor
        with pytest.raises(EnvironmentBusy), environment.locked("the second"):
            raise AssertionError("both hold it")
        assert held is not None
        assert environment.lock_descriptor == held


def test_our_folder_is_for_its_owner_only(environment: InstalledEnvironment) -> None:
    with environment.locked("me"):
        assert environment.place.stat().st_mode & 0o777 == 0o700
        assert (environment.place / "lock").stat().st_mode & 0o777 == 0o600


# --- refusals


def test_an_externally_managed_environment_is_refused(environment: InstalledEnvironment) -> None:
    facts = replace(environment.interpreter, externally_managed="[externally-managed]")
    refusal = InstalledEnvironment(facts).read_only_reason()
    assert refusal is not None
    assert "managed by the operating system (PEP 668)" in refusal


def test_the_marker_of_an_externally_managed_environment_counts_outside_of_a_venv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "EXTERNALLY-MANAGED").write_text("[externally-managed]\nError=No.\n")
    path = interpreter_paths(tmp_path)
    monkeypatch.setattr("sysconfig.get_path", path.__getitem__)
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert interpreter.describe().externally_managed == "[externally-managed]\nError=No.\n"
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    assert interpreter.describe().externally_managed is None


def interpreter_paths(stdlib: Path) -> Mapping[str, str]:
    return {"stdlib": str(stdlib)}


def test_a_frozen_environment_is_refused(environment: InstalledEnvironment) -> None:
    (environment.interpreter.prefix / "conda-meta").mkdir()
    (environment.interpreter.prefix / "conda-meta" / "frozen").touch()
    assert (
        environment.read_only_reason() == f"{environment.interpreter.prefix} is frozen by its owner"
    )


def test_a_file_in_place_of_a_folder_is_refused(
    environment: InstalledEnvironment, site: Path
) -> None:
    site.rmdir()
    site.touch()
    refusal = environment.read_only_reason()
    assert refusal is not None
    assert refusal.startswith(f"{site} cannot be written to: ")


def test_a_read_only_folder_is_refused(
    environment: InstalledEnvironment, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tempfile.TemporaryDirectory

    def made(prefix: str, dir: Path) -> tempfile.TemporaryDirectory[str]:
        if dir == site:
            raise OSError(30, "Read-only file system")
        return temporary(prefix=prefix, dir=dir)

    monkeypatch.setattr(tempfile, "TemporaryDirectory", made)
    assert environment.read_only_reason() == f"{site} cannot be written to: read-only file system"


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EBADF, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_refused(
    environment: InstalledEnvironment, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(number, "no locks")

    monkeypatch.setattr(fcntl, "flock", flock)
    refusal = environment.read_only_reason()
    assert refusal is not None
    assert "lies on a file system without locks: nobody could be kept from" in refusal


def test_a_marker_that_came_later_counts(environment: InstalledEnvironment, tmp_path: Path) -> None:
    facts = replace(environment.interpreter, stdlib=tmp_path)
    (tmp_path / "EXTERNALLY-MANAGED").touch()
    assert InstalledEnvironment(facts).read_only_reason() is None
    refusal = InstalledEnvironment(replace(facts, base_prefix=facts.prefix)).read_only_reason()
    assert refusal is not None
    assert "managed by the operating system (PEP 668)" in refusal


def test_a_stamp_is_the_same_until_something_is_changed(
    environment: InstalledEnvironment, site: Path
) -> None:
    before = environment.fingerprints()
    assert environment.fingerprints() == before
    (site / "pea.py").touch()
    assert environment.fingerprints() == before
    (site / "pea.pth").write_text("pea\n")
    with_a_path = environment.fingerprints()
    assert _differing(before, with_a_path) == {"what runs at every start"}
    site.chmod(0o700)
    assert _differing(with_a_path, environment.fingerprints()) == {"the rights of its folders"}
    (environment.interpreter.prefix / "conda-meta").mkdir()
    (environment.interpreter.prefix / "conda-meta" / "frozen").touch()
    assert "whether it may be changed" in _differing(with_a_path, environment.fingerprints())


def _differing(one: Mapping[str, str], other: Mapping[str, str]) -> set[str]:
    return {label for label in {*one, *other} if one.get(label) != other.get(label)}


def test_what_was_tried_leaves_nothing(environment: InstalledEnvironment, site: Path) -> None:
    assert environment.read_only_reason() is None
    assert list(site.iterdir()) == []
    assert [path.name for path in environment.interpreter.prefix.iterdir()] == ["lib"]


def test_a_listing_of_the_garden_is_quick(backend: Backend) -> None:
    started = time.perf_counter()
    assert backend.environment.distributions()
    assert time.perf_counter() - started < 0.5


def test_an_environment_that_ends_or_begins_at_a_place_is_asked_anew(tmp_path: Path) -> None:
    """Its Python is a link to the same one before and after."""
    venv.create(tmp_path / "env", symlinks=True)
    python, said = tmp_path / "env" / "bin" / "python", tmp_path / "env" / "pyvenv.cfg"
    assert interpreter.describe(python).prefix == tmp_path / "env"
    said.rename(tmp_path / "away")
    assert interpreter.describe(python).prefix != tmp_path / "env"
    (tmp_path / "away").rename(said)
    assert interpreter.describe(python).prefix == tmp_path / "env"
