"""Export: what uv and pip read from the locks of a real environment."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from lock_files import check_pylock, installed_in, new_environment, run_uv

from pkgwidgets import InvalidRequest, PackageService
from pkgwidgets.core.lock import Export
from pkgwidgets.core.pylock_reader import read_pylock
from pkgwidgets.demo import Demo, catalog
from pkgwidgets.demo.wheel_builder import BuiltWheel

INSTALLED = {pin.lower().replace("_", "-") for pin in catalog.INSTALLED}


@pytest.mark.parametrize("file_name", ["pylock.toml", "requirements.txt"])
def test_uv_syncs_another_environment_from_a_lock(
    service: PackageService, garden: Demo, tmp_path: Path, file_name: str
) -> None:
    lock = tmp_path / file_name
    lock.write_text(str(service.export(file_name)), "utf-8")
    python = new_environment(tmp_path / "other")
    options = ["--index-url", garden.index_url, "--require-hashes"]
    synced = run_uv("pip", "sync", "--python", python, *options, lock)
    assert synced.returncode == 0, synced.stderr
    assert installed_in(python) == INSTALLED
    checked = run_uv("pip", "sync", "--check", "--python", garden.python, *options, lock)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.slow
def test_pip_installs_the_requirements_with_hashes(
    service: PackageService, garden: Demo, tmp_path: Path
) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(str(service.export("requirements.txt")), "utf-8")
    python = new_environment(tmp_path / "other")
    argv = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps"]
    argv += ["--index-url", garden.index_url, "--require-hashes", "-r", str(lock)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert installed_in(python) == INSTALLED


def test_pylock_is_valid_and_names_the_installed_wheels(
    service: PackageService, garden: Demo
) -> None:
    exported = service.export()
    assert exported.file_name == "pylock.toml"
    assert exported.notes == ()
    tables = tomllib.loads(exported.text)
    check_pylock(tables)
    assert {f"{entry['name']}=={entry['version']}" for entry in tables["packages"]} == INSTALLED
    (wheel,) = next(e["wheels"] for e in tables["packages"] if e["name"] == "seedshelf")
    assert wheel["url"].startswith(garden.index_url.removesuffix("simple/"))
    assert wheel["name"] == "seedshelf-1.4.1-py3-none-any.whl"
    own = tables["tool"]["pkgwidgets"]
    assert own["python"] == service.python_version
    assert "bedplanner" in own["requested"]
    assert "beanpoles" not in own["requested"]


def test_what_was_written_reads_back(service: PackageService) -> None:
    lock = read_pylock(str(service.export()), "pylock.toml")
    assert {f"{package}".replace(" ", "==") for package in lock.packages} == INSTALLED
    assert {package.name for package in lock.packages if not package.requested} == {
        "beanpoles",
        "sundrift",
    }


def test_release_that_the_index_lacks_is_named(service: PackageService, garden: Demo) -> None:
    dist_info = garden.site_packages / "seedshelf-1.4.1.dist-info"
    metadata = (dist_info / "METADATA").read_text("utf-8")
    (dist_info / "METADATA").write_text(metadata.replace("1.4.1", "1.4.0.5"), "utf-8")
    dist_info.rename(garden.site_packages / "seedshelf-1.4.0.5.dist-info")
    exported = service.export()
    assert exported.notes == ("seedshelf is left out: 1.4.0.5: the index has no such release",)
    assert tomllib.loads(exported.text)["tool"]["pkgwidgets"]["missing"]["seedshelf"]
    requirements = service.export("requirements.txt")
    assert "\n# seedshelf==1.4.0.5  (" in requirements.text
    assert requirements.notes == ("seedshelf: without a hash, so a comment in the file",)


def test_unavailable_index_leaves_versions_without_hashes(
    service: PackageService, garden: Demo
) -> None:
    garden.index.down = True
    exported = service.export("requirements.txt")
    assert exported.text.count("==") == len(INSTALLED)
    assert "--hash" not in exported.text


def with_direct_url(garden: Demo, name: str, facts: Mapping[str, object]) -> None:
    (dist_info,) = garden.site_packages.glob(f"{name}-*.dist-info")
    (dist_info / "direct_url.json").write_text(json.dumps(facts), "utf-8")


def test_direct_urls_and_editables_are_named(
    service: PackageService, garden: Demo, tmp_path: Path
) -> None:
    archive = tmp_path / "frostcall-1.9.3-py3-none-any.whl"
    archive.write_bytes(b"a wheel")
    commit = "0" * 40
    vcs = {"vcs": "git", "commit_id": commit, "requested_revision": "main"}
    with_direct_url(
        garden, "seedshelf", {"url": "https://u:pw@host.example/a.git", "vcs_info": vcs}
    )
    with_direct_url(garden, "frostcall", {"url": archive.as_uri(), "archive_info": {}})
    editable = {"url": (tmp_path / "my src").as_uri(), "dir_info": {"editable": True}}
    with_direct_url(garden, "moonsower", editable)
    exported = service.export()
    expected = "moonsower, seedshelf: not a file with a hash, so uv takes the lock and pip not"
    assert exported.notes == (expected,)
    text = str(exported)
    tables = tomllib.loads(text)
    check_pylock(tables)
    found = {entry["name"]: entry for entry in tables["packages"]}
    assert found["seedshelf"]["vcs"] == {
        "type": "git",
        "url": "https://host.example/a.git",
        "requested-revision": "main",
        "commit-id": commit,
    }
    assert "pw" not in text
    assert len(found["frostcall"]["archive"]["hashes"]["sha256"]) == 64
    assert found["moonsower"]["directory"] == {"path": f"{tmp_path}/my src", "editable": True}
    requirements = service.export("requirements.txt")
    assert f"# editable: -e {(tmp_path / 'my src').as_uri()}  (" in requirements.text
    assert f"# seedshelf @ git+https://host.example/a.git@{commit}  (" in requirements.text
    assert f"\nfrostcall @ {archive.as_uri()} \\\n    --hash=sha256:" in requirements.text


def test_dependency_with_a_marker_keeps_it(
    service: PackageService, published: Callable[..., None]
) -> None:
    marked = BuiltWheel(
        name="gate", version="1.0", files={"gate.py": ""}, requires=('latch; python_version>="3"',)
    )
    published(marked, BuiltWheel(name="latch", version="1.0", files={"latch.py": ""}))
    service.install_package("gate")
    assert '\nmarker = "python_version >= \\"3\\""' in str(service.export())
    assert 'latch==1.0 ; python_version >= "3" \\\n' in str(service.export("requirements.txt"))


def test_release_for_this_patch_version_is_locked(
    service: PackageService, published: Callable[..., None]
) -> None:
    required = f">={service.python_version}"
    published(
        BuiltWheel(name="kale", version="1.0", files={"kale.py": ""}, requires_python=required)
    )
    service.install_package("kale")
    exported = service.export()
    assert exported.notes == ()
    assert "/kale-1.0-py3-none-any.whl" in exported.text


def test_unknown_format_is_refused(service: PackageService) -> None:
    with pytest.raises(InvalidRequest, match=r"pylock\.toml or requirements\.txt"):
        service.export("poetry.lock")


def test_export_has_no_text_in_its_repr(service: PackageService) -> None:
    exported = service.export("requirements.txt")
    assert isinstance(exported, Export)
    assert repr(exported) == "Export(file_name='requirements.txt', notes=())"
