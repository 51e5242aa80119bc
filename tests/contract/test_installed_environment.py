"""Installed distributions are listed, whatever their files contain; one holder has the lock."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import venv
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import Kit

from pkgwidgets.backends.environment import interpreter
from pkgwidgets.backends.environment.installed_environment import InstalledEnvironment
from pkgwidgets.backends.processes import process
from pkgwidgets.backends.store import fail_points, filesystem
from pkgwidgets.core.environment import Distribution, Unreadable
from pkgwidgets.core.errors import EnvironmentBusy, EnvironmentRefused
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.origins import Origin
from pkgwidgets.demo import Demo, catalog

PYTHON = Path(sys.executable)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "env" / "lib" / "site-packages"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def environment(site: Path) -> InstalledEnvironment:
    """Return an environment that consists only of folders: listing needs no Python."""
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
    """Write a dist-info folder; `__` in a file's name stands for a dot."""
    path = site / folder
    path.mkdir()
    for name, content in {"METADATA": metadata(), **(files or {}), **more}.items():
        (path / name.replace("__", ".")).write_bytes(content)
    return path


def the_distribution(environment: InstalledEnvironment) -> Distribution | Unreadable:
    (distribution,) = environment.distributions().values()
    return distribution


def read(environment: InstalledEnvironment) -> Distribution:
    distribution = the_distribution(environment)
    assert isinstance(distribution, Distribution)
    return distribution


# --- the fake and the real one


def test_distributions_are_listed_in_order_of_names(kit: Kit) -> None:
    distributions = kit.backend.environment.distributions()
    assert list(distributions) == sorted(distributions)
    named = {
        f"{d.name}=={d.version}" for d in distributions.values() if isinstance(d, Distribution)
    }
    assert named == set(catalog.INSTALLED)
    assert all(name == distribution.id for name, distribution in distributions.items())


def test_each_listing_reads_the_environment_again(kit: Kit) -> None:
    before = kit.backend.environment.distributions()
    for file in ("METADATA", "RECORD"):
        kit.edit(f"beanpoles-1.1.0.dist-info/{file}", b"")
    after = kit.backend.environment.distributions()
    changed = [
        name for name, distribution in after.items() if not isinstance(distribution, Distribution)
    ]
    assert changed == ["beanpoles"]
    assert isinstance(before[changed[0]], Distribution)


def test_requested_and_requirements_are_read(kit: Kit) -> None:
    installed_now = kit.backend.environment.distributions()
    distributions = {i: d for i, d in installed_now.items() if isinstance(d, Distribution)}
    assert {i for i, d in distributions.items() if not d.requested} == catalog.DEPENDENCIES
    assert [d.requires for i, d in distributions.items() if i == "bedplanner"] == [
        ("beanpoles>=1", "sundrift>=1")
    ]
    assert {d.origin for d in distributions.values()} == {Origin.INDEX}


def test_writable_environment_has_no_read_only_reason(kit: Kit) -> None:
    before = kit.tree()
    assert kit.backend.environment.read_only_reason() is None
    assert kit.tree() == before


def test_second_lock_is_refused_and_names_the_holder(kit: Kit) -> None:
    environment = kit.backend.environment
    with environment.locked("the first"):
        second = environment.locked("the second")
        with pytest.raises(EnvironmentBusy, match="by the first") as caught, second:
            raise AssertionError("both hold it")
        assert caught.value.holder.startswith("the first")
    with environment.locked("the third"):
        assert environment.distributions()


def test_lock_is_released_after_an_exception(kit: Kit) -> None:
    environment = kit.backend.environment
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), environment.locked("a failing one"):
            raise ZeroDivisionError


# --- origins, from real metadata files


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
def test_origin_of_a_distribution_is_detected(
    environment: InstalledEnvironment,
    site: Path,
    files: dict[str, bytes],
    origin: Origin,
    location: str | None,
) -> None:
    installed(site, files=files)
    distribution = read(environment)
    assert distribution.origin is origin
    assert location in (None, distribution.location)


def test_distribution_in_conda_meta_has_origin_conda(
    environment: InstalledEnvironment, site: Path
) -> None:
    installed(site)
    installed(site, "pod-1.0.dist-info", METADATA=metadata("pod"))
    records = environment.interpreter.prefix / "conda-meta"
    records.mkdir()
    (records / "pea-1.0-0.json").write_text(
        '{"files": ["bin/x", "lib/site-packages/pea-1.0.dist-info/METADATA"]}'
    )
    listed = environment.distributions().values()
    origins = {d.id: d.origin for d in listed if isinstance(d, Distribution)}
    assert origins == {"pea": Origin.CONDA, "pod": Origin.INDEX}


def test_distribution_in_dist_packages_has_origin_system(
    environment: InstalledEnvironment, site: Path, tmp_path: Path
) -> None:
    (tmp_path / "dist-packages").mkdir()
    installed(tmp_path / "dist-packages")
    facts = replace(environment.interpreter, search=(site, tmp_path / "dist-packages"))
    assert read(InstalledEnvironment(facts)).origin is Origin.SYSTEM


def test_first_folder_of_the_search_path_wins(
    environment: InstalledEnvironment, site: Path, tmp_path: Path
) -> None:
    (tmp_path / "later").mkdir()
    installed(tmp_path / "later", "pea-2.0.dist-info", METADATA=metadata("pea", "2.0"))
    mine = installed(site)
    facts = replace(environment.interpreter, search=(site, tmp_path / "later"))
    assert read(InstalledEnvironment(facts)).path == mine


# --- invalid metadata


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"METADATA": b""}, "has no valid project name"),
        ({"METADATA": b"Version: 1.0\n"}, "has no valid project name"),
        ({"METADATA": metadata("")}, "has no valid project name"),
        ({"METADATA": metadata("two words")}, "has no valid project name"),
        ({"METADATA": metadata("<script>")}, "has no valid project name"),
        ({"METADATA": metadata("../pea")}, "has no valid project name"),
        ({"METADATA": metadata("pea\u200b")}, "has no valid project name"),
        ({"METADATA": b"Name: \xff\xfe\xe9\nVersion: 1.0\n"}, "has no valid project name"),
        ({"METADATA": b"Name: pea\n"}, "its version '' is invalid"),
        ({"METADATA": metadata(version="one")}, "its version 'one' is invalid"),
        ({"METADATA": metadata(version="1" * 5000)}, ""),
        ({"METADATA": b"\x00\x01\x02" * 1000}, "has no valid project name"),
        ({"direct_url__json": b"garbage"}, "Expecting value"),
        ({"direct_url__json": b"[1]"}, "not a JSON object"),
        ({"direct_url__json": b"null"}, "not a JSON object"),
        ({"direct_url__json": b"\xff\xfe"}, ""),
        ({"direct_url__json": b'{"url": "http://["}'}, "Invalid IPv6"),
    ],
    ids=range(17),
)
def test_bad_metadata_is_unreadable_with_a_reason(
    environment: InstalledEnvironment, site: Path, files: dict[str, bytes], reason: str
) -> None:
    path = installed(site, files=files)
    distribution = the_distribution(environment)
    assert isinstance(distribution, Unreadable)
    assert (distribution.id, distribution.path) == ("pea", path)
    assert reason in distribution.reason
    assert 0 < len(distribution.reason) <= 300


@pytest.mark.parametrize("name", ["-e", "--index-url", "naïve", "_pea", "pea-"])
def test_invalid_project_name_is_unreadable(
    environment: InstalledEnvironment, site: Path, name: str
) -> None:
    installed(site, METADATA=metadata(name))
    assert isinstance(the_distribution(environment), Unreadable)


@pytest.mark.parametrize("about", [b'"yes"', b"[1]", b"null", b"5"])
def test_unusual_direct_url_has_origin_url(
    environment: InstalledEnvironment, site: Path, about: bytes
) -> None:
    installed(site, direct_url__json=b'{"url": "x", "dir_info": ' + about + b"}")
    assert read(environment).origin is Origin.URL


def test_endlessly_nested_direct_url_is_unreadable(
    environment: InstalledEnvironment, site: Path
) -> None:
    installed(site, direct_url__json=b"[" * 100_000)
    assert isinstance(the_distribution(environment), Unreadable)


@pytest.mark.parametrize("text", ['{"files": null}', "[]", "garbage"])
def test_malformed_conda_record_is_ignored(
    environment: InstalledEnvironment, site: Path, text: str
) -> None:
    installed(site)
    (environment.interpreter.prefix / "conda-meta").mkdir()
    (environment.interpreter.prefix / "conda-meta" / "x.json").write_text(text)
    assert isinstance(the_distribution(environment), Distribution)


def test_missing_metadata_is_unreadable_with_a_reason(
    environment: InstalledEnvironment, site: Path
) -> None:
    (site / "Pea_Pod-1.0.dist-info").mkdir()
    (site / "snail.egg-info").mkdir()
    (site / "worm-1.0.dist-info").write_text("a file")
    distributions = environment.distributions()
    reasons = {name: f.reason for name, f in distributions.items() if isinstance(f, Unreadable)}
    assert reasons == {
        "pea-pod": "METADATA is missing",
        "snail": "PKG-INFO is missing",
        "worm": "METADATA is missing",
    }


def test_project_that_is_installed_twice_is_unreadable(
    environment: InstalledEnvironment, site: Path
) -> None:
    installed(site)
    installed(site, "Pea-2.0.dist-info", METADATA=metadata("Pea", "2.0"))
    distribution = the_distribution(environment)
    assert isinstance(distribution, Unreadable)
    assert distribution.reason == "installed twice: Pea-2.0.dist-info and pea-1.0.dist-info"


def test_leftover_tilde_folders_of_pip_are_ignored(
    environment: InstalledEnvironment, site: Path
) -> None:
    installed(site, "~ea-1.0.dist-info")
    (site / "~ea").mkdir()
    assert environment.distributions() == {}


def test_long_summary_is_truncated(environment: InstalledEnvironment, site: Path) -> None:
    installed(site, METADATA=metadata(more=f"Summary: {'long ' * 1_000_000}\n"))
    assert read(environment).summary.startswith("long long")
    assert len(read(environment).summary) == 512


def test_folded_metadata_lines_are_read_as_email_headers(
    environment: InstalledEnvironment, site: Path
) -> None:
    more = "Summary: one\n  two\nrequires-dist: pod>=1\nRequires-Dist: bean\n\nRequires-Dist: no\n"
    installed(site, METADATA=metadata(more=more).replace(b"\n", b"\r\n"), INSTALLER=b"uv")
    distribution = read(environment)
    assert distribution.requires == ("pod>=1", "bean")
    assert " ".join(distribution.summary.split()) == "one two"
    assert distribution.installer == "uv"


def test_missing_site_packages_folder_lists_nothing(
    environment: InstalledEnvironment, site: Path
) -> None:
    shutil.rmtree(site)
    assert environment.distributions() == {}


# --- the interpreter


def test_current_interpreter_is_described_without_a_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "run", None)
    described = interpreter.describe(PYTHON)
    assert described.prefix == Path(sys.prefix)
    assert described == interpreter.describe()


@pytest.fixture
def unqueried(garden: Demo) -> Iterator[Demo]:
    """Yield a demo environment whose interpreter was not queried yet."""
    interpreter._ask_interpreter.cache_clear()
    yield garden
    interpreter._ask_interpreter.cache_clear()


def test_other_interpreter_is_queried_only_once(
    unqueried: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    garden = unqueried
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


def test_output_at_interpreter_startup_is_ignored(unqueried: Demo) -> None:
    garden = unqueried
    noise = "import sys; print('noise'); print('more', file=sys.stderr)\n"
    (garden.site_packages / "noise.pth").write_text(noise)
    assert interpreter.describe(garden.python).prefix == garden.folder / "env"


def test_output_at_interpreter_exit_is_ignored(unqueried: Demo) -> None:
    garden = unqueried
    noise = "import atexit; atexit.register(print, 'noise')\n"
    (garden.site_packages / "noise.pth").write_text(noise)
    assert interpreter.describe(garden.python).prefix == garden.folder / "env"


def missing(folder: Path) -> Path:
    return folder / "nothing"


def without_its_base(folder: Path) -> Path:
    (folder / "python3").symlink_to(folder / "base" / "bin" / "python3.9")
    (folder / "python").symlink_to("python3")
    return folder / "python"


def linked_to_itself(folder: Path) -> Path:
    (folder / "python").symlink_to("python")
    return folder / "python"


def not_executable(folder: Path) -> Path:
    (folder / "python").write_text("#!/bin/sh\n")
    return folder / "python"


def not_a_python(folder: Path) -> Path:
    file = not_executable(folder)
    file.write_text("#!/bin/sh\necho oh dear >&2\n")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (missing, "There is no Python at"),
        (without_its_base, r"link to '.*/base/bin/python3.9', which does not exist. Install that"),
        (linked_to_itself, "There is no Python at '.*': its links lead to themselves"),
        (not_executable, "cannot be started: Permission denied"),
        (lambda folder: folder, "cannot be started"),
        (not_a_python, "did not start as a Python interpreter: oh dear"),
    ],
    ids=["missing", "no base", "loop", "not executable", "a folder", "something else"],
)
def test_path_that_is_no_interpreter_is_refused(
    tmp_path: Path, make: Callable[[Path], Path], reason: str
) -> None:
    with pytest.raises(EnvironmentRefused, match=reason):
        interpreter.describe(make(tmp_path))


# --- the lock


HOLD = "import sys, time, fcntl, os; fcntl.flock(os.open(sys.argv[1], os.O_RDWR), fcntl.LOCK_EX); "


def test_lock_of_another_process_is_released_when_it_is_killed(
    environment: InstalledEnvironment,
) -> None:
    with environment.locked("nobody yet"):
        pass
    lock = environment.place / "lock"
    code = HOLD + "os.write(3, b'somebody else'); print(1, flush=True); time.sleep(60)"
    with subprocess.Popen([PYTHON, "-c", code, lock], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"1\n"
        with pytest.raises(EnvironmentBusy, match="somebody else"), environment.locked("me"):
            raise AssertionError("both hold it")
        holder.send_signal(signal.SIGKILL)
    with environment.locked("me"):
        assert lock.read_text().startswith("me (process ")
    assert lock.exists()


def test_lock_inherited_by_a_child_process_is_still_held(environment: InstalledEnvironment) -> None:
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


def test_refused_second_lock_leaves_the_first_one_intact(
    environment: InstalledEnvironment,
) -> None:
    with environment.locked("the first"):
        descriptor = environment.lock_descriptor
        with pytest.raises(EnvironmentBusy), environment.locked("the second"):
            raise AssertionError("both hold it")
        assert descriptor is not None
        assert environment.lock_descriptor == descriptor


@pytest.mark.parametrize(("mode", "lock"), [(0o700, 0o600), (0o755, 0o640), (0o2775, 0o660)])
def test_data_folder_has_the_mode_of_the_environment(
    environment: InstalledEnvironment, mode: int, lock: int
) -> None:
    environment.interpreter.prefix.chmod(mode)
    with environment.locked("me"):
        assert stat.S_IMODE(environment.place.stat().st_mode) == mode
        assert stat.S_IMODE((environment.place / "lock").stat().st_mode) == lock


# --- refusals


def test_externally_managed_environment_is_refused(environment: InstalledEnvironment) -> None:
    facts = replace(environment.interpreter, externally_managed="[externally-managed]")
    refusal = InstalledEnvironment(facts).read_only_reason()
    assert refusal is not None
    assert "managed by the operating system (PEP 668)" in refusal


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[externally-managed]\nError=Use apt.\n", "Use apt."),
        ("[externally-managed]\nError=Use apt,\n  or a venv: 100%\n", "Use apt, or a venv: 100%"),
        ("[externally-managed]\nError-de=Nimm apt.\nError=Use apt.\n", "Nimm apt."),
        ("[externally-managed]\nError-de_DE=Nimm es.\nError-de=Nimm apt.\n", "Nimm es."),
        ("[externally-managed]\nError=\x1b[2JUse apt.\n", "\\x1b[2JUse apt."),
        ("[externally-managed]\n", ""),
        ("[other]\nError=Use apt.\n", ""),
        ("no section", ""),
        ("", ""),
    ],
    ids=[
        "one line", "several lines", "by language", "by country", "hostile", "no message",
        "no section of its own", "no INI file", "empty",
    ],
)  # fmt: skip
def test_read_only_reason_shows_the_pep_668_message(
    environment: InstalledEnvironment, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.setattr("locale.getlocale", lambda category: ("de_DE", "UTF-8"))
    facts = replace(environment.interpreter, externally_managed=text)
    refusal = InstalledEnvironment(facts).read_only_reason()
    reason = "is managed by the operating system (PEP 668); use a virtual environment"
    expected = f"{reason}. The system says: {message.rstrip('.')}" if message else reason
    assert refusal == f"{environment.interpreter.prefix} {expected}"


def test_externally_managed_marker_counts_only_outside_a_venv(
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


def test_frozen_conda_environment_is_refused(environment: InstalledEnvironment) -> None:
    (environment.interpreter.prefix / "conda-meta").mkdir()
    (environment.interpreter.prefix / "conda-meta" / "frozen").touch()
    assert (
        environment.read_only_reason()
        == f"{environment.interpreter.prefix} was frozen by its owner, so nothing may be changed"
    )


def test_site_packages_that_is_a_file_is_refused(
    environment: InstalledEnvironment, site: Path
) -> None:
    site.rmdir()
    site.touch()
    refusal = environment.read_only_reason()
    assert refusal is not None
    assert refusal.startswith(f"{site} cannot be written to: ")


def test_read_only_site_packages_is_refused(
    environment: InstalledEnvironment, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def watch(name: str, path: str | Path) -> None:
        if site in (Path(path), Path(path).parent):
            raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(fail_points, "watch", watch)
    assert environment.read_only_reason() == f"{site} cannot be written to: read-only file system"


def test_environment_that_runs_the_demo_is_read_only(
    environment: InstalledEnvironment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    prefix = environment.interpreter.prefix
    monkeypatch.setenv("PKGWIDGETS_DEMO", str(tmp_path / "elsewhere"))
    assert environment.read_only_reason() is None
    (tmp_path / "link").symlink_to(prefix)
    monkeypatch.setenv("PKGWIDGETS_DEMO", str(tmp_path / "link"))
    refusal = environment.read_only_reason()
    assert refusal is not None
    assert refusal.startswith(f"{prefix} runs the demo, which changes no package of yours.")


def test_append_only_site_packages_is_refused(
    environment: InstalledEnvironment, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ioctl(descriptor: int, request: int, flags: array[int]) -> int:
        flags[0] = 0x20 if os.path.samestat(os.fstat(descriptor), site.stat()) else 0
        return 0

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    refusal = environment.read_only_reason()
    assert refusal == f"{site} cannot be written to: nothing can be deleted in it"


@pytest.mark.parametrize("unnamed", [True, False], ids=["unnamed files", "named files only"])
def test_trial_of_write_access_leaves_nothing(
    environment: InstalledEnvironment, site: Path, monkeypatch: pytest.MonkeyPatch, unnamed: bool
) -> None:
    if not unnamed:
        monkeypatch.setattr(filesystem, "try_unnamed_file", lambda _: False)
    made: list[str] = []
    monkeypatch.setattr(fail_points, "watch", lambda name, path: made.append(name))
    assert environment.read_only_reason() is None
    assert ("make_folder" not in made) == unnamed
    assert not list(site.glob(".pkgwidgets*"))


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EBADF, errno.EOPNOTSUPP])
def test_file_system_without_locks_is_refused(
    environment: InstalledEnvironment, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(number, "no locks")

    monkeypatch.setattr(fcntl, "flock", flock)
    refusal = environment.read_only_reason()
    assert refusal is not None
    assert "is on a file system without locks, so two programs could" in refusal


def test_externally_managed_marker_added_later_is_noticed(
    environment: InstalledEnvironment, tmp_path: Path
) -> None:
    facts = replace(environment.interpreter, stdlib=tmp_path)
    (tmp_path / "EXTERNALLY-MANAGED").touch()
    assert InstalledEnvironment(facts).read_only_reason() is None
    refusal = InstalledEnvironment(replace(facts, base_prefix=facts.prefix)).read_only_reason()
    assert refusal is not None
    assert "managed by the operating system (PEP 668)" in refusal


def test_fingerprint_changes_only_with_the_environment(
    environment: InstalledEnvironment, site: Path
) -> None:
    before = environment.fingerprints()
    assert environment.fingerprints() == before
    (site / "pea.py").touch()
    assert environment.fingerprints() == before
    (site / "pea.pth").write_text("pea\n")
    with_a_path = environment.fingerprints()
    assert _differing(before, with_a_path) == {"a file that runs each time Python starts"}
    site.chmod(0o700)
    assert _differing(with_a_path, environment.fingerprints()) == {"the permissions of a folder"}
    (environment.interpreter.prefix / "conda-meta").mkdir()
    (environment.interpreter.prefix / "conda-meta" / "frozen").touch()
    assert "the protection against changes" in _differing(with_a_path, environment.fingerprints())


def _differing(one: Mapping[str, str], other: Mapping[str, str]) -> set[str]:
    return {label for label in {*one, *other} if one.get(label) != other.get(label)}


def test_read_only_check_leaves_no_files(environment: InstalledEnvironment, site: Path) -> None:
    assert environment.read_only_reason() is None
    assert list(site.iterdir()) == []
    assert [path.name for path in environment.interpreter.prefix.iterdir()] == ["lib"]


def test_listing_the_demo_environment_takes_under_half_a_second(backend: Backend) -> None:
    started = time.perf_counter()
    assert backend.environment.distributions()
    assert time.perf_counter() - started < 0.5


def test_interpreter_is_queried_again_after_pyvenv_cfg_appears_or_goes(tmp_path: Path) -> None:
    """The Python is a link to the same interpreter before and after."""
    venv.create(tmp_path / "env", symlinks=True)
    python, config = tmp_path / "env" / "bin" / "python", tmp_path / "env" / "pyvenv.cfg"
    assert interpreter.describe(python).prefix == tmp_path / "env"
    config.rename(tmp_path / "away")
    assert interpreter.describe(python).prefix != tmp_path / "env"
    (tmp_path / "away").rename(config)
    assert interpreter.describe(python).prefix == tmp_path / "env"


@pytest.mark.parametrize(
    ("configuration", "reason"),
    [
        (
            "home = /x\nextends-environment = /work/.venv\n",
            "exists only while `uv run --with` runs; change /work/.venv, or",
        ),
        ("home = /x\n", "is in the cache of uv, which other runs share"),
    ],
    ids=["uv run --with", "uv tool run"],
)
def test_environment_of_one_run_of_uv_is_refused(
    environment: InstalledEnvironment, tmp_path: Path, configuration: str, reason: str
) -> None:
    (tmp_path / "CACHEDIR.TAG").touch()
    prefix = tmp_path / "archive-v0" / "x1"
    prefix.mkdir(parents=True)
    (prefix / "pyvenv.cfg").write_text(configuration)
    facts = replace(environment.interpreter, prefix=prefix)
    refusal = InstalledEnvironment(facts).read_only_reason()
    assert refusal is not None
    assert refusal.startswith(f"{prefix} {reason}")


def test_environment_in_a_folder_like_uvs_cache_is_not_refused(
    environment: InstalledEnvironment, tmp_path: Path
) -> None:
    prefix = tmp_path / "archive-v0" / "x1"
    prefix.mkdir(parents=True)
    (prefix / "pyvenv.cfg").write_text("home = /x\n")
    facts = replace(environment.interpreter, prefix=prefix)
    assert InstalledEnvironment(facts).read_only_reason() is None
