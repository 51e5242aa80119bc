"""The demo environment equals what uv would create, and is removed completely."""

from __future__ import annotations

import base64
import csv
import gc
import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import venv
import weakref
from collections.abc import Iterable, Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import uv
from malformed_wheels import MalformedWheel

from pkgwidgets import demo
from pkgwidgets.demo import catalog, demo_environment
from pkgwidgets.demo.demo_environment import Demo
from pkgwidgets.demo.index_server import DemoIndex
from pkgwidgets.demo.wheel_builder import BuiltWheel

OFFERED = {
    "allotboard": ("1.40.0", "1.67.0"),
    "bedplanner": ("2.1.0", "2.3.0"),
    "frostcall": ("1.9.3", "2.0.0"),
    "harvestscale": ("3.2.0", "3.3.0"),
    "raintable": ("2.0.0", "3.1.0"),
    "seedshelf": ("1.4.1", "1.4.2"),
    "sundrift": ("1.0.4", "1.2.0"),
}
"""What uv says is outdated; nothing yanked, too new for this Python, or a pre-release."""

NOT_FOR_THIS_PYTHON = "coldframe-2.0.0"
FAILS_TO_IMPORT = "harvestscale-3.3.0"


@pytest.fixture(scope="module")
def garden() -> Iterator[Demo]:
    with demo.start() as running:
        yield running


@pytest.fixture(scope="module")
def index() -> Iterator[DemoIndex]:
    with DemoIndex(catalog.WHEELS) as running:
        yield running


class Uv:
    def __init__(self, tmp_path: Path) -> None:
        self.environment = {
            "PATH": os.defpath,
            "HOME": str(tmp_path),
            "UV_CACHE_DIR": str(tmp_path / "uv-cache"),
            "UV_NO_CONFIG": "1",
            "UV_PYTHON_DOWNLOADS": "never",
            "NO_PROXY": "127.0.0.1",
        }

    def pip(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [uv.find_uv_bin(), "pip", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@pytest.fixture
def pip(tmp_path: Path) -> Uv:
    return Uv(tmp_path)


def create_environment(root: Path) -> Path:
    venv.create(root, with_pip=False, symlinks=True)
    return root / "bin" / "python"


def site_packages(root: Path) -> Path:
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(root)}))


def run(python: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )


def record(info: Path) -> dict[str, tuple[str, str]]:
    with (info / "RECORD").open(newline="") as file:
        return {path: (digest, size) for path, digest, size in csv.reader(file)}


# --- the wheels, as uv sees them


@pytest.mark.parametrize(
    "wheel",
    [wheel for wheel in catalog.WHEELS if wheel.stem != NOT_FOR_THIS_PYTHON],
    ids=lambda wheel: wheel.stem,
)
def test_uv_installs_every_demo_wheel_and_it_imports(
    wheel: BuiltWheel, index: DemoIndex, pip: Uv, tmp_path: Path
) -> None:
    python = create_environment(tmp_path / "env")
    done = pip.pip(
        "install", "--index-url", index.url, "--python", python, f"{wheel.name}=={wheel.version}"
    )
    assert done.returncode == 0, done.stderr
    assert f" + {wheel.id}=={wheel.version}" in done.stderr
    module = wheel.id.replace("-", "_")
    tried = run(python, f"import {module}; print({module}.__version__)")
    if wheel.stem == FAILS_TO_IMPORT:
        assert tried.returncode == 1
        assert "ImportError: libharvest.so.5: cannot open shared object file" in tried.stderr
    else:
        assert (tried.stdout, tried.stderr) == (f"{wheel.version}\n", "")


def test_uv_refuses_a_wheel_for_another_python(index: DemoIndex, pip: Uv, tmp_path: Path) -> None:
    python = create_environment(tmp_path / "env")
    done = pip.pip("install", "--index-url", index.url, "--python", python, "coldframe==2.0.0")
    assert done.returncode == 1
    assert "Python>=4" in done.stderr


def test_uv_refuses_a_wheel_with_a_wrong_hash(pip: Uv, tmp_path: Path) -> None:
    other = BuiltWheel(name="pea", version="1", files={"pea.py": "x = 2\n"})
    wheel = MalformedWheel(name="pea", version="1", damage=lambda _: other.data)
    python = create_environment(tmp_path / "env")
    with DemoIndex([wheel]) as index:
        done = pip.pip("install", "--index-url", index.url, "--python", python, "pea==1")
    assert done.returncode != 0
    assert "Hash mismatch" in done.stderr
    assert wheel.sha256 in done.stderr
    assert not list(site_packages(tmp_path / "env").glob("pea*"))


# --- the environment


def test_demo_environment_passes_uv_pip_check(garden: Demo, pip: Uv) -> None:
    done = pip.pip("check", "--python", garden.python)
    assert done.returncode == 0, done.stderr
    assert f"Checked {len(catalog.INSTALLED)} packages" in done.stderr


def test_uv_pip_list_outdated_shows_the_expected_updates(garden: Demo, pip: Uv) -> None:
    done = pip.pip(
        "list", "--outdated", "--format", "json", "--python", garden.python,
        "--index-url", garden.index_url,
    )  # fmt: skip
    updates = {
        row["name"]: (row["version"], row["latest_version"]) for row in json.loads(done.stdout)
    }
    assert updates == OFFERED


@pytest.mark.parametrize(
    ("requirements", "expected"),
    [
        (("raintable", "allotboard==1.40.0"), {"raintable==2.4.0"}),
        (("raintable", "allotboard"), {"raintable==3.1.0", "allotboard==1.67.0"}),
        (("bedplanner",), {"bedplanner==2.3.0", "sundrift==1.2.0"}),
        (("Compost_Log", "moonsower", "coldframe", "beanpoles"), set()),
    ],
    ids=["blocked", "unblocked", "with its dependency", "up to date"],
)
def test_uv_dry_run_upgrades_to_the_expected_versions(
    garden: Demo, pip: Uv, requirements: tuple[str, ...], expected: set[str]
) -> None:
    done = pip.pip(
        "install", "--dry-run", "--upgrade", "--python", garden.python,
        "--index-url", garden.index_url, *requirements,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert {line[3:] for line in lines if line.startswith(" + ")} == expected


def test_demo_packages_are_installed_and_marked_requested(garden: Demo) -> None:
    packages = list(distributions(path=[str(garden.site_packages)]))
    assert {f"{package.name}=={package.version}" for package in packages} == set(catalog.INSTALLED)
    assert {package.read_text("INSTALLER") for package in packages} == {"uv"}
    unasked = {package.name for package in packages if package.read_text("REQUESTED") is None}
    assert unasked == {"beanpoles", "sundrift"}


def test_every_file_is_in_record_with_its_hash(garden: Demo) -> None:
    site = garden.site_packages
    recorded = set()
    for info in site.glob("*.dist-info"):
        for path, (digest, size) in record(info).items():
            file = Path(os.path.normpath(site / path))
            recorded.add(file)
            if file != info / "RECORD":
                content = file.read_bytes()
                hashed = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode()
                assert (digest, size) == (f"sha256={hashed.rstrip('=')}", str(len(content)))
    on_disk = {file for file in site.rglob("*") if file.is_file() and file.suffix != ".pyc"}
    assert {file for file in recorded if file.is_relative_to(site)} == on_disk
    outside = {str(file.relative_to(garden.folder / "env")) for file in recorded - on_disk}
    assert outside == {"bin/seedshelf", "share/man/man1/seedshelf.1"}


@pytest.mark.parametrize("pin", catalog.INSTALLED)
def test_demo_record_files_match_those_of_uv(
    pin: str, garden: Demo, pip: Uv, tmp_path: Path
) -> None:
    python = create_environment(tmp_path / "env")
    done = pip.pip("install", "--index-url", garden.index_url, "--python", python, pin)
    assert done.returncode == 0, done.stderr
    stem = pin.lower().replace("==", "-")
    ours = record(garden.site_packages / f"{stem}.dist-info")
    theirs = record(site_packages(tmp_path / "env") / f"{stem}.dist-info")
    script = "../../../bin/seedshelf"
    assert (script in ours, script in theirs) == (("seedshelf" in pin,) * 2)
    for rows in (ours, theirs):
        rows.pop(script, None)  # names its own interpreter
    if stem.partition("-")[0] in catalog.DEPENDENCIES:
        del theirs[f"{stem}.dist-info/REQUESTED"]  # here it was requested
    assert ours == theirs


def test_demo_script_runs(garden: Demo) -> None:
    script = garden.python.with_name("seedshelf")
    done = subprocess.run([script], capture_output=True, text=True, check=True)
    assert "carrot: sow in March, eat after 700 days" in done.stdout.splitlines()
    assert script.read_text().startswith(f"#!{garden.python}\n")


@pytest.mark.parametrize("name", ["a folder", "deep" * 60], ids=["space", "long"])
def test_demo_script_runs_in_a_folder_with_a_space_or_a_long_name(
    tmp_path: Path, name: str
) -> None:
    with demo.start(tmp_path / name) as running:
        script = running.python.with_name("seedshelf")
        done = subprocess.run([script], capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 3


def test_demo_modules_print_the_expected_output(garden: Demo) -> None:
    code = """
import allotboard, bedplanner, coldframe, compost_log, frostcall, harvestscale, moonsower, raintable
print(allotboard.board(mon=3, tue=5))
print(bedplanner.plan(4))
print(coldframe.lid(20), compost_log.Heap().add(5), frostcall.frost_tonight(1))
print(harvestscale.weigh(250, 500), moonsower.phase(15), raintable.RainTable(mon=2).total())
"""
    done = run(garden.python, code)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "mon  ▮▮▮ 3 mm",
        "tue  ▮▮▮▮▮ 5 mm",
        "-" * 20,
        "total 8 mm",
        "4 m, 11 poles, 8 h of sun",
        "open 5 True",
        "0.75 🌕 2",
    ]


def test_upgraded_demo_modules_print_the_expected_output(
    index: DemoIndex, pip: Uv, tmp_path: Path
) -> None:
    python = create_environment(tmp_path / "env")
    done = pip.pip(
        "install", "--index-url", index.url, "--python", python,
        "allotboard", "bedplanner", "frostcall", "raintable", "seedshelf",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    code = """
import allotboard, bedplanner, frostcall, raintable, seedshelf
print(allotboard.board(mon=3).splitlines()[-1], bedplanner.plan(4), frostcall.call(1), sep="; ")
rain = raintable.RainTable(mon=2, tue=4)
print(rain.millimetres(), rain.wettest(), seedshelf.sow("carrot"))
"""
    shown = run(python, code)
    assert shown.stderr == ""
    assert shown.stdout.splitlines() == [
        "total 3 mm; 4 m, 11 poles, 8 h of sun in month 6; bring them in",
        "6 tue carrot: sow in March, eat after 70 days",
    ]


# --- start and end


def test_demo_starts_without_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    for name in ("fork", "posix_spawn", "posix_spawnp", "system", "execv"):
        monkeypatch.setattr(os, name, refuse)
    demo.start().close()


def test_two_demos_run_in_one_process() -> None:
    with demo.start() as first, demo.start() as second:
        assert first.folder != second.folder
        assert first.index_url != second.index_url
        first.close()
        assert not first.folder.exists()
        assert second.python.exists()
        with urlopen(second.index_url, timeout=10) as answer:
            assert answer.status == 200
    assert not second.folder.exists()


def test_close_removes_everything_and_can_be_repeated() -> None:
    running = demo.start()
    url = running.index_url
    assert running.folder.name.startswith("pkgwidgets-demo-")
    assert repr(running) == f"Demo({running.folder})"
    running.close()
    running.close()
    assert not running.folder.exists()
    with pytest.raises(URLError):
        urlopen(url, timeout=10)


def test_close_removes_what_is_written_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """uv locks the environment for a plan, such as one of a panel, with a file in it."""
    running = demo.start()
    rmdir, late = os.rmdir, [running.folder / "env" / ".lock"]

    def write_first(path: str, **options: Any) -> None:
        if late and path == "env":
            late.pop().touch()
        rmdir(path, **options)

    monkeypatch.setattr(os, "rmdir", write_first)
    running.close()
    assert not late
    assert not running.folder.exists()


def test_closed_demo_is_garbage_collected() -> None:
    running = demo.start()
    index = weakref.ref(running.index)
    running.close()
    del running
    gc.collect()
    assert index() is None, "nothing waits for the end of Python any more"


def test_non_empty_folder_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("ten years")
    with pytest.raises(FileExistsError, match="not empty"):
        demo.start(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_failed_start_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[DemoIndex] = []

    def index(wheels: Iterable[BuiltWheel]) -> DemoIndex:
        made.append(DemoIndex(wheels))
        return made[-1]

    monkeypatch.setattr(demo_environment, "DemoIndex", index)
    monkeypatch.setattr(catalog, "INSTALLED", ("seedshelf==1.4.1", "nothing==1"))
    with pytest.raises(KeyError, match="nothing==1"):
        demo.start(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert list(map(repr, made)) == ["LocalIndex(not running)"]


def test_demo_is_closed_when_python_exits() -> None:
    code = "from pkgwidgets import demo; print(demo.start().folder)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    folder = Path(done.stdout.strip())
    assert folder.name.startswith("pkgwidgets-demo-")
    assert not folder.exists()
    assert done.stderr == ""


# --- the catalog


def test_catalog_docstring_lists_every_wheel() -> None:
    lines = [line for line in (catalog.__doc__ or "").splitlines() if line.startswith("| ")][1:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert {f"{name}=={installed}" for name, installed, *_ in rows} == set(catalog.INSTALLED)
    listed = {
        (name, version.removesuffix(" yanked"), version.endswith(" yanked"))
        for name, installed, newer, _ in rows
        for version in [installed, *filter(None, newer.split(", "))]
    }
    assert listed == {(w.name, w.version, w.yanked is not None) for w in catalog.WHEELS}


def test_catalog_file_names_are_unique() -> None:
    assert len({wheel.filename for wheel in catalog.WHEELS}) == len(catalog.WHEELS)
