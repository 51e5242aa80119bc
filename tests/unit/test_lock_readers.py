"""Locks that are odd or hostile: one clear error each; and what is read of good ones."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from lock_files import check_pylock
from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.connect import connect
from pkgwidgets.core import requirements_reader
from pkgwidgets.core.direct_urls import parse_direct_url
from pkgwidgets.core.drift import Difference, find_drift
from pkgwidgets.core.errors import LockUnreadable
from pkgwidgets.core.lock import Lock, LockedFile, LockedPackage
from pkgwidgets.core.lock_reader import read_lock_text
from pkgwidgets.core.notebook_lock import read_notebook_lock, write_notebook_lock
from pkgwidgets.core.pylock_reader import read_pylock
from pkgwidgets.core.pylock_text import write_pylock
from pkgwidgets.core.requirements_reader import read_requirements

DIGEST = "ab" * 32
MARKERS = {"python_version": "3.11", "sys_platform": "linux", "platform_machine": "x86_64"}


def pylock(package: str = "", *, version: str = '"1.0"') -> str:
    """Return a lock of format `version` with one package, of these lines of TOML."""
    good = f"""name = "pea"
version = "1.0"
wheels = [
  {{ url = "https://files.example/pea-1.0-py3-none-any.whl", hashes = {{ sha256 = "{DIGEST}" }} }},
]"""
    head = f'lock-version = {version}\ncreated-by = "x"\n'
    return f"{head}[[packages]]\n{package or good}\n"


def wheel(name: str = "pea-1.0-py3-none-any.whl", **facts: str) -> str:
    table = {"url": f'"https://files.example/{name}"', "hashes": f'{{ sha256 = "{DIGEST}" }}'}
    table |= facts
    inner = ", ".join(f"{key} = {value}" for key, value in table.items() if value)
    return f'name = "pea"\nversion = "1.0"\nwheels = [{{ {inner} }}]'


def notebook(lock: object) -> str:
    return json.dumps({"nbformat": 4, "cells": [], "metadata": {"pkgwidgets": {"lock": lock}}})


BAD_LOCKS: dict[str, tuple[str, str]] = {
    "no TOML": ('lock-version = "1.0"\n[[', "not valid TOML"),
    "next format": (pylock(version='"2.0"'), "its format '2.0' is unknown"),
    "format as a number": (pylock(version="1.0"), "it has no lock-version"),
    "no packages": ('lock-version = "1.0"\n', "no list of packages"),
    "packages as a table": ('lock-version = "1.0"\n[packages]\na = 1\n', "no list of packages"),
    "option as a name": (pylock('name = "--index-url=x"\nversion = "1.0"'), "not a valid name"),
    "path as a name": (pylock('name = "../pea"\nversion = "1.0"'), "not a valid name"),
    "escape in a name": (pylock('name = "pea\\u001b[2J"\nversion = "1"'), "not a plain text"),
    "no version": (pylock('name = "pea"\nwheels = []'), "it has no version"),
    "version is none": (pylock('name = "pea"\nversion = "latest"'), "not a valid version"),
    "no file": (pylock('name = "pea"\nversion = "1.0"'), "it has no file"),
    "no hash": (pylock(wheel(hashes="{}")), "a file has no sha256"),
    "weak hash only": (pylock(wheel(hashes='{ md5 = "00" }')), "a file has no sha256"),
    "hash is none": (pylock(wheel(hashes='{ sha256 = "xyz" }')), "is not a sha256"),
    "wheel of another": (pylock(wheel("bean-1.0-py3-none-any.whl")), "of another release"),
    "wheel of a later one": (pylock(wheel("pea-1.1-py3-none-any.whl")), "of another release"),
    "not a wheel": (pylock(wheel("pea-1.0.exe")), "is not the name of a wheel"),
    "path upwards": (pylock(wheel(url="", path='"../../pea-1.0-py3-none-any.whl"')), "leaves the"),
    "absolute path": (pylock(wheel(url="", path='"/etc/pea-1.0-py3-none-any.whl"')), "leaves the"),
    "foreign scheme": (
        pylock(wheel(url='"gopher://a/pea-1.0-py3-none-any.whl"')),
        "is not an address of http",
    ),
    "two sources": (
        pylock(f'{wheel()}\nvcs = {{ type = "git", url = "https://a.example" }}'),
        "more than one source",
    ),
    "bad marker": (pylock(f'{wheel()}\nmarker = "import os"'), "is not a valid marker"),
    "listed twice": (pylock() + f"[[packages]]\n{wheel()}\n", "listed twice"),
    "deeply nested": ('lock-version = "1.0"\na = ' + "[" * 9000, "nested too deeply"),
    "an option": ("--index-url http://evil.example/simple\npea==1.0\n", "line 1: .*has an option"),
    "an option behind": ("pea==1.0 --global-option=x\n", "line 1: .*has an option"),
    "a nested file": ("# a lock\n-r /etc/passwd\n", "line 2: .*has an option"),
    "a range": ("pea>=1\n", "line 1: 'pea>=1' is not an exact version"),
    "a wildcard": ("pea==1.*\n", "not an exact version"),
    "another hash": ("bean==1\npea==1.0 \\\n  --hash=md5:00\n", "line 2: 'md5:00' is not a sha256"),
    "no requirement": ("<html>\n", "is not a requirement"),
    "twice": ("pea==1.0\nPea==1.1\n", "line 2: pea is listed twice"),
    "a null": ("pea==1.0\0\n", "not a requirements file"),
    "no JSON": ("{", "not valid JSON"),
    "no notebook": ("{}", "not a notebook in nbformat 4"),
    "without a lock": (notebook(None), "was not saved with its packages"),
    "lock of tomorrow": (notebook({"version": 2}), "the format 2 of its lock is unknown"),
    "lines are none": (notebook({"version": 1, "requirements": [1]}), "no list of requirements"),
    "bad line": (notebook({"version": 1, "requirements": ["-r x"]}), "line 2: .*an option"),
}


@pytest.mark.parametrize("case", BAD_LOCKS)
def test_bad_lock_is_one_clear_error(case: str) -> None:
    text, reason = BAD_LOCKS[case]
    with pytest.raises(LockUnreadable, match=reason) as caught:
        read_lock_text(text, "the lock", MARKERS)
    message = str(caught.value)
    assert message.startswith("the lock cannot be used: ")
    assert message.endswith("Nothing was changed.")
    assert message.isprintable()
    assert len(message) < 400


def test_lock_of_50_megabytes_is_refused_unread(tmp_path: Path) -> None:
    big = tmp_path / "pylock.toml"
    with big.open("wb") as opened:
        opened.truncate(50 * 10**6)
    with pytest.raises(LockUnreadable, match=r"it holds 50\.0 MB; at most 20\.0 MB are read"):
        connect().lock_sources.read(big)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing.toml", "No such file or directory"),
        ("folder", "the folder has no environment"),
        ("image.png", r"it is no pylock\.toml, requirements\.txt, notebook or environment"),
        ("latin.txt", "codec can't decode"),
    ],
)
def test_file_that_is_no_lock_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "image.png").write_bytes(b"png")
    (tmp_path / "latin.txt").write_bytes(b"pea==1.0 # \xe9\n")
    with pytest.raises(LockUnreadable, match=reason):
        connect().lock_sources.read(tmp_path / name)


def test_packages_for_other_environments_are_left_out() -> None:
    other = f"{wheel()}\nmarker = \"sys_platform == 'win32'\""
    text = f"{pylock(other)}[[packages]]\n{wheel()}\n"
    assert [package.marker for package in read_pylock(text, "it", MARKERS).packages] == [""]
    lines = "pea==1.0 ; sys_platform == 'win32'\npea==1.1 ; sys_platform == 'linux'\n"
    (package,) = read_requirements(lines, "it", MARKERS).packages
    assert str(package) == "pea 1.1"


def test_requirements_keep_hashes_and_name_what_they_pass_over() -> None:
    text = (
        "# of Python 3.12.4\n"
        f"Pea_Pod==1.0 \\\n    --hash=sha256:{DIGEST} \\\n    --hash=sha256:{'CD' * 32}\n"
        "-e /src/bean\n"
        "-e file:///src/chard#egg=Chard  # a comment\n"
        "leek @ https://files.example/leek-1-py3-none-any.whl  # a comment\n"
    )
    lock = read_requirements(text, "it")
    assert [str(package) for package in lock.packages] == ["chard", "leek", "pea-pod 1.0"]
    assert lock.packages[2].hashes == (DIGEST, "cd" * 32)
    assert lock.left_out == ("line 5 is editable",)
    assert lock.python == "3.12.4"


HASH = f" --hash=sha256:{DIGEST}"


@pytest.mark.parametrize(
    "line",
    [
        "pea==1.0",
        f"Pea_Pod==1.0{HASH}{HASH.upper().replace('--HASH=SHA', '--hash=sha')}",
        f"pea==1.0  {HASH}",
        f"pea==1.0{HASH.upper()}",
        f"pea==1.0{HASH}0",
        "pea==1.0 --hash=md5:00",
        f"pea ==1.0{HASH}",
        "pea==1!2.0rc1.post2.dev3+local.7",
        "pea==v1",
        "pea==1.0-1",
        "pea==1.*",
        "pea==banana",
        "pea==1.0-",
        "pea===1.0",
        "pea==1.0,==1.0",
        "-pea==1.0",
        "pea-==1.0",
        "pea[pod]==1.0",
        f"{'p' * 100}==1.0",
        f"{'p' * 101}==1.0",
        "pea==1.0 ; sys_platform == 'win32'",
        "pea==" + "1" * 5000,
    ],
)
def test_usual_line_is_read_like_any_other(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = read_or_refuse(line)
    monkeypatch.setattr(requirements_reader, "_plain_package", lambda line: None)
    assert quick == read_or_refuse(line)


def test_line_with_several_hashes_is_read_as_a_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such lines are the whole of an exported lock, so each must be read quickly."""
    monkeypatch.setattr(requirements_reader, "Requirement", None)
    text = f"pea==1.0 \\\n    --hash=sha256:{DIGEST} \\\n    --hash=sha256:{'CD' * 32}\n"
    (package,) = read_requirements(text, "it").packages
    assert package.hashes == (DIGEST, "cd" * 32)


def read_or_refuse(line: str) -> object:
    """Return the lock of a line, or the text of its error."""
    try:
        return read_requirements(line, "it", MARKERS)
    except LockUnreadable as error:
        return str(error)


def test_credentials_of_addresses_are_not_kept() -> None:
    text = pylock(wheel(url='"https://me:secret@files.example/pea-1.0-py3-none-any.whl"'))
    (package,) = read_pylock(text, "it").packages
    assert package.files[0].url == "https://files.example/pea-1.0-py3-none-any.whl"


def test_odd_texts_are_written_as_valid_toml() -> None:
    reason = 'a "quoted" \\ \x7f \x1b 🫛 reason\n'
    file = LockedFile(name="pea-1.0-py3-none-any.whl", sha256=DIGEST, url="https://a.example/ü")
    package = LockedPackage(
        name=canonicalize_name("pea"), version=Version("1.0"), files=(file,), requested=False
    )
    lock = Lock(packages=(package,), python="3.11.7", missing={"bean.pod": reason})
    tables: dict[str, Any] = tomllib.loads(write_pylock(lock))
    check_pylock(tables)
    assert tables["tool"]["pkgwidgets"]["missing"] == {"bean.pod": reason}
    assert tables["packages"][0]["wheels"][0]["url"] == "https://a.example/ü"


@pytest.mark.parametrize("text", ["", "[]", "1", "{}", '{"url": 1}', "[" * 100_000, b"\xff"])
def test_unreadable_direct_url_is_no_source(text: str | bytes) -> None:
    assert parse_direct_url(text) is None


def test_old_hash_of_an_archive_is_read() -> None:
    old = {"url": "https://a.example/x", "archive_info": {"hash": f"sha256={DIGEST}"}}
    source = parse_direct_url(json.dumps(old))
    assert source is not None
    assert source.sha256 == DIGEST


def test_drift_counts_what_differs() -> None:
    locked = {"pea": "1.0", "bean": "2.0", "leek": "3.0"}
    lock = Lock(
        packages=tuple(
            LockedPackage(name=canonicalize_name(name), version=Version(version))
            for name, version in locked.items()
        )
    )
    here = {"pea": "1.0.0", "bean": "2.1", "kale": "1"}
    installed = {canonicalize_name(name): Version(version) for name, version in here.items()}
    drift = find_drift(lock, installed, "a.ipynb")
    assert [(row.name, row.difference) for row in drift.rows] == [
        ("bean", Difference.OTHER_VERSION),
        ("kale", Difference.NOT_LOCKED),
        ("leek", Difference.NOT_INSTALLED),
    ]
    assert str(drift) == "2 of 3 packages differ from a.ipynb, and 1 not in it is installed"
    assert not find_drift(Lock(packages=()), {}, "a.ipynb")


def test_lock_of_400_packages_takes_at_most_60_kilobytes() -> None:
    packages = tuple(
        LockedPackage(
            name=canonicalize_name(f"some-longer-package-{number}"),
            version=Version("12.345.67"),
            hashes=(DIGEST, "cd" * 32),
        )
        for number in range(400)
    )
    empty = json.dumps({"cells": [], "metadata": {}, "nbformat": 4}, indent=1)
    written = write_notebook_lock(empty, Lock(packages=packages, python="3.11.7"), "it")
    assert len(written.encode()) - len(empty) <= 60_000
    assert len(read_notebook_lock(written, "it").packages) == 400
