"""Installations without a dist-info are read as `importlib.metadata` and uv read them."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import uv
from packaging.requirements import Requirement

from pkgwidgets.backends.environment import eggs, interpreter
from pkgwidgets.backends.environment.installed_environment import InstalledEnvironment
from pkgwidgets.backends.environment.search_path import with_added_folders
from pkgwidgets.core.environment import Distribution, Unreadable
from pkgwidgets.core.origins import Origin

LIST_ALL = """
import importlib.metadata, json
found = {}
for release in importlib.metadata.distributions():
    found.setdefault(release.metadata["Name"], (release.version, sorted(release.requires or [])))
print(json.dumps(found))
"""


def pkg_info(name: str, version: str = "1.0", more: str = "") -> str:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}"


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    command = [uv.find_uv_bin(), "venv", "-q", "--no-config", "--python", sys.executable]
    subprocess.run([*command, str(tmp_path / "env")], check=True)
    return tmp_path / "env"


@pytest.fixture
def site(prefix: Path) -> Path:
    return next(prefix.glob("lib/python*/site-packages"))


def add_egg_info(folder: Path, name: str, requires: str = "", more: str = "") -> Path:
    egg_info = folder / f"{name}.egg-info"
    egg_info.mkdir(parents=True)
    (egg_info / "PKG-INFO").write_text(pkg_info(name, more=more))
    if requires:
        (egg_info / "requires.txt").write_text(requires)
    return egg_info


def add_dist_info(folder: Path, name: str, version: str = "1.0", more: str = "") -> Path:
    dist_info = folder / f"{name}-{version}.dist-info"
    dist_info.mkdir(parents=True)
    (dist_info / "METADATA").write_text(pkg_info(name, version, more))
    (dist_info / "RECORD").write_text(f"{dist_info.name}/METADATA,,\n")
    return dist_info


def read(prefix: Path) -> dict[str, Distribution | Unreadable]:
    environment = InstalledEnvironment(interpreter.describe(prefix / "bin" / "python"))
    return {str(name): release for name, release in environment.distributions().items()}


def facts_of(prefix: Path) -> dict[str, tuple[str, list[Requirement]]]:
    return {
        name: (str(release.version), sorted(map(Requirement, release.requires), key=str))
        for name, release in read(prefix).items()
        if isinstance(release, Distribution)
    }


def facts_of_python(prefix: Path) -> dict[str, tuple[str, list[Requirement]]]:
    argv = [str(prefix / "bin" / "python"), "-c", LIST_ALL]
    answer = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return {
        name: (version, sorted(map(Requirement, requires), key=str))
        for name, (version, requires) in json.loads(answer).items()
    }


def test_every_installation_is_read_as_python_reads_it(prefix: Path, site: Path) -> None:
    sources = prefix.parent / "sources"
    add_dist_info(site, "barley", more="Requires-Dist: oats<3\n")
    add_egg_info(site, "rye", "oats>=1\n\n[fast]\nspelt>2\n\n[:python_version >= '3']\nmillet\n")
    add_egg_info(site, "teff", "ignored\n", more="Requires-Dist: oats; extra == 'x'\n")
    (site / "millet-1.0-py3.11.egg-info").write_text(pkg_info("millet", more="Summary: a file\n"))
    add_egg_info(sources / "linked", "spelt", "oats<2\n[a:os_name == 'nt']\nteff\n")
    (site / "spelt.egg-link").write_text(f"{sources / 'linked'}\n.")
    add_egg_info(sources / "plain", "oats")
    folder = site / "emmer-1.0-py3.11.egg" / "EGG-INFO"
    folder.mkdir(parents=True)
    (folder / "PKG-INFO").write_text(pkg_info("emmer"))
    (folder / "requires.txt").write_text("rye\n")
    with zipfile.ZipFile(site / "einkorn-1.0-py3.11.egg", "w") as archive:
        archive.writestr("EGG-INFO/PKG-INFO", pkg_info("einkorn"))
        archive.writestr("EGG-INFO/requires.txt", "emmer<2\n")
    eggs_on_path = "./emmer-1.0-py3.11.egg\n# a comment\n./einkorn-1.0-py3.11.egg\n"
    (site / "easy-install.pth").write_text(f"{sources / 'linked'}\n{eggs_on_path}")
    (site / "plain.pth").write_text(f"import sys\n{sources / 'plain'}\n/nowhere/at/all\n")
    ours = facts_of(prefix)
    assert ours == facts_of_python(prefix)
    assert {"barley", "rye", "teff", "millet", "spelt", "oats", "emmer", "einkorn"} == ours.keys()


def test_first_folder_on_the_path_counts_also_if_a_pth_file_adds_it(
    prefix: Path, site: Path
) -> None:
    sources = prefix.parent / "sources"
    add_dist_info(site, "barley", "2.0")
    add_dist_info(sources, "barley", "1.0")
    (site / "late.pth").write_text(f"{sources}\n")
    assert facts_of(prefix)["barley"][0] == facts_of_python(prefix)["barley"][0] == "2.0"
    move = "import sys; new = sys.path[sys.__plen:]; del sys.path[sys.__plen:]; "
    move += "p = getattr(sys, '__egginsert', 0); sys.path[p:p] = new; "
    move += "sys.__egginsert = p + len(new)"
    text = f"import sys; sys.__plen = len(sys.path)\n{sources}\n{move}\n"
    (site / "late.pth").unlink()
    (site / "easy-install.pth").write_text(text)
    assert facts_of(prefix)["barley"][0] == facts_of_python(prefix)["barley"][0] == "1.0"


def test_egg_link_is_an_editable_install_that_is_never_changed(prefix: Path, site: Path) -> None:
    source = prefix.parent / "my source"
    egg_info = add_egg_info(source, "two_words", "oats<2\n")
    (egg_info / "PKG-INFO").write_text(pkg_info("two-words"))
    (site / "two-words.egg-link").write_text("\n../../../../my source\n../\n")
    release = read(prefix)["two-words"]
    assert isinstance(release, Distribution)
    assert (release.origin, release.requires) == (Origin.EDITABLE, ("oats<2",))
    assert release.location == source.as_uri()
    reason = release.unmanaged_reason([site])
    assert reason == "it is editable, so change it in its source folder"


def test_reason_of_an_egg_names_its_missing_record(prefix: Path, site: Path) -> None:
    folder = site / "emmer-1.0.egg" / "EGG-INFO"
    folder.mkdir(parents=True)
    (folder / "PKG-INFO").write_text(pkg_info("emmer"))
    (site / "easy-install.pth").write_text("./emmer-1.0.egg\n")
    release = read(prefix)["emmer"]
    assert isinstance(release, Distribution)
    assert release.path == site / "emmer-1.0.egg"
    assert release.unmanaged_reason([site]) == (
        "it is an egg without a RECORD, so its files are unknown"
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it names no folder"),
        ("/nowhere\n", "it leads to /nowhere/oats_2.egg-info, which does not exist"),
        (".\n", "which does not exist"),
    ],
)
def test_egg_link_to_nowhere_is_unreadable(
    prefix: Path, site: Path, content: str, reason: str
) -> None:
    (site / "oats-2.egg-link").write_text(content)
    release = read(prefix)["oats-2"]
    assert isinstance(release, Unreadable)
    assert reason in release.reason


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04" + bytes(40)])
def test_damaged_egg_is_unreadable(prefix: Path, site: Path, content: bytes) -> None:
    (site / "emmer-1.0-py3.11.egg").write_bytes(content)
    (site / "easy-install.pth").write_text("./emmer-1.0-py3.11.egg\n")
    assert isinstance(read(prefix)["emmer"], Unreadable)


def test_editable_without_direct_url_is_recognized_by_its_pth_file(
    prefix: Path, site: Path
) -> None:
    add_dist_info(site, "barley_seed", "2.0")
    (site / "__editable__.barley_seed-2.0.pth").write_text("/nowhere\n")
    release = read(prefix)["barley-seed"]
    assert isinstance(release, Distribution)
    assert release.origin is Origin.EDITABLE


def test_user_site_comes_before_the_base_and_after_the_environment(
    prefix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(prefix.parent))
    user_site = prefix.parent / "/".join((".local", *next(prefix.glob("lib/*")).parts[-2:]))
    add_dist_info(user_site / "site-packages", "barley", "3.0")
    assert "barley" not in read(prefix)
    configuration = prefix / "pyvenv.cfg"
    configuration.write_text(
        configuration.read_text().replace(
            "include-system-site-packages = false", "include-system-site-packages = true"
        )
    )
    assert facts_of(prefix)["barley"][0] == facts_of_python(prefix)["barley"][0] == "3.0"
    add_dist_info(next(prefix.glob("lib/python*/site-packages")), "barley", "4.0")
    assert facts_of(prefix)["barley"][0] == facts_of_python(prefix)["barley"][0] == "4.0"


def test_start_files_count_as_what_runs_at_every_start(prefix: Path, site: Path) -> None:
    environment = InstalledEnvironment(interpreter.describe(prefix / "bin" / "python"))
    before = environment.fingerprints()
    (site / "barley.start").write_text("barley.startup:main\n")
    after = environment.fingerprints()
    assert [key for key in before if before[key] != after[key]] == [
        "a file that runs each time Python starts"
    ]


def test_requires_sections_become_markers() -> None:
    text = "oats\n# no\n[fast]\nrye>1\n[:os_name=='nt']\nteff\n[slow:os_name=='nt']\nspelt @ file:///s\n"
    assert eggs.parse_requires(text) == (
        "oats",
        'rye>1 ; extra == "fast"',
        "teff ; (os_name=='nt')",
        """spelt @ file:///s ; (os_name=='nt') and extra == "slow\"""",
    )


def test_hostile_pth_files_add_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(b"\xff\xfe\n\0\n" + b"x" * 100_000 + b"\n")
    (tmp_path / "folder.pth").mkdir()
    (tmp_path / "gone.pth").symlink_to(tmp_path / "nowhere")
    assert with_added_folders([str(tmp_path), "/nowhere"]) == [str(tmp_path), "/nowhere"]
