"""A RECORD names the files of its distribution and no others, or it is not followed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fakes import Kit, change_of, plan_of
from packaging.utils import canonicalize_name

from pkgwidgets.backends import records
from pkgwidgets.core.errors import EnvironmentRefused
from pkgwidgets.core.interfaces import Backend, ignore
from pkgwidgets.core.model import Plan
from pkgwidgets.demo import Demo, story
from pkgwidgets.demo.wheels import BuiltWheel

UPGRADE = plan_of(change_of("seedshelf", "1.4.1", "1.4.2"))
REMOVAL = plan_of(change_of("seedshelf", "1.4.1", None))
UNCHANGED = plan_of(change_of("seedshelf", "1.4.0", "1.4.1"))
IDS = [canonicalize_name(pin.partition("==")[0]) for pin in story.INSTALLED]


def record_of(garden: Demo) -> Path:
    return garden.site_packages / "seedshelf-1.4.1.dist-info" / "RECORD"


def staged(kit: Kit, plan: Plan) -> Path:
    stage = kit.backend.journal.folder("stage") / "stage"
    stage.parent.mkdir(parents=True) if stage.is_relative_to("/tmp") else None
    kit.backend.installer.stage(plan, stage, ignore)
    return stage


# --- both


def test_all_that_a_removal_takes_away_is_known(kit: Kit) -> None:
    site = kit.backend.environment.interpreter.scheme["purelib"]
    found = kit.backend.records.touched(REMOVAL, None)
    assert {site / "seedshelf.py", site / "seedshelf-1.4.1.dist-info/RECORD"} <= found
    assert all(
        path.is_relative_to(site.parent) or "bin" in str(path) or "man" in str(path)
        for path in found
    )


def test_all_that_an_upgrade_writes_is_known_before(kit: Kit) -> None:
    wheel = BuiltWheel(name="seedshelf", version="1.5", files={"seedshelf/deep/new.py": ""})
    kit.publish(wheel)
    plan = plan_of(change_of("seedshelf", "1.4.1", "1.5"))
    before = kit.tree()
    found = kit.backend.records.touched(plan, staged(kit, plan))
    site = kit.backend.environment.interpreter.scheme["purelib"]
    assert {site / "seedshelf.py", site / "seedshelf/deep/new.py"} <= found
    assert site / "seedshelf-1.5.dist-info/RECORD" in found
    assert kit.tree() == before


def test_what_is_not_installed_or_not_staged_is_refused(kit: Kit) -> None:
    unknown = plan_of(change_of("unknown", "1.0", None))
    with pytest.raises(EnvironmentRefused):
        kit.backend.records.touched(unknown, None)
    with pytest.raises(EnvironmentRefused):
        kit.backend.records.touched(
            plan_of(change_of("frostcall", None, "9")), staged(kit, UPGRADE)
        )


def test_the_modules_are_those_at_the_top(kit: Kit) -> None:
    found = kit.backend.records.modules([*IDS, canonicalize_name("unknown")])
    assert found == {id: (id.replace("-", "_"),) for id in IDS}


def test_the_modules_of_what_is_staged_come_first(kit: Kit) -> None:
    kit.publish(BuiltWheel(name="seedshelf", version="1.5", files={"shelf/__init__.py": ""}))
    stage = staged(kit, plan_of(change_of("seedshelf", "1.4.1", "1.5")))
    ids = [canonicalize_name(name) for name in ("seedshelf", "raintable")]
    found = kit.backend.records.modules(ids, stage)
    assert found == {ids[0]: ("shelf",), ids[1]: ("raintable",)}


def test_files_have_owners(kit: Kit) -> None:
    site = kit.backend.environment.interpreter.scheme["purelib"]
    files = {str(site / name) for name in ("raintable.py", "bedplanner/layout.py", "nobody.py")}
    assert kit.backend.records.owners({*files, "/elsewhere/raintable.py"}) == {
        str(site / "raintable.py"): "raintable",
        str(site / "bedplanner/layout.py"): "bedplanner",
    }


def test_nothing_is_damaged(kit: Kit) -> None:
    assert kit.backend.records.damage(UNCHANGED) == ()


@pytest.mark.parametrize("content", [None, b"", b"x"], ids=["missing", "empty", "other"])
def test_damage_is_named(kit: Kit, content: bytes | None) -> None:
    kit.edit("seedshelf.py", content)
    (problem,) = kit.backend.records.damage(UNCHANGED)
    assert problem.startswith("seedshelf: seedshelf.py ")
    assert kit.backend.records.damage(REMOVAL) == ()


def test_a_distribution_without_a_record_is_refused(kit: Kit) -> None:
    kit.edit("seedshelf-1.4.1.dist-info/RECORD", None)
    with pytest.raises(EnvironmentRefused):
        kit.backend.records.touched(REMOVAL, None)


# --- the real one


def test_scripts_and_data_are_among_the_files(backend: Backend) -> None:
    prefix = backend.environment.interpreter.prefix
    found = backend.records.touched(REMOVAL, None)
    assert {prefix / "bin/seedshelf", prefix / "share/man/man1/seedshelf.1"} <= found


def test_a_flipped_byte_is_found(backend: Backend, garden: Demo) -> None:
    file = garden.site_packages / "seedshelf.py"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert backend.records.damage(UNCHANGED) == ("seedshelf: seedshelf.py differs from RECORD",)


@pytest.mark.parametrize(
    "row",
    [
        "../../../../etc/x",
        "../../../../../../../../../../etc/passwd",
        "/etc/passwd",
        "../../../../" + "env2/lib/x.py",
        "raintable",
        "raintable/../..",
        "../../..",
        "..\\..\\..\\..\\etc\\x",
        "./",
        '"../../../../etc/x"',
    ],
)
@pytest.mark.parametrize("plan", [UPGRADE, REMOVAL], ids=["upgrade", "removal"])
def test_a_hostile_record_is_not_followed(
    backend: Backend, garden: Demo, row: str, plan: Plan
) -> None:
    (garden.site_packages / "raintable").mkdir()
    with record_of(garden).open("a") as file:
        file.write(f"{row},,\n")
    with pytest.raises(EnvironmentRefused, match=r"RECORD of seedshelf-1\.4\.1\.dist-info names"):
        backend.records.touched(plan, None)


@pytest.mark.parametrize("text", ["", "\n\n", ",,\n", "__pycache__/a.pyc,,\n"])
def test_an_empty_record_is_as_good_as_none(backend: Backend, garden: Demo, text: str) -> None:
    record_of(garden).write_text(text)
    with pytest.raises(EnvironmentRefused, match="has no RECORD: its files are unknown"):
        backend.records.touched(REMOVAL, None)


def test_our_own_folder_belongs_to_no_distribution(backend: Backend, garden: Demo) -> None:
    with record_of(garden).open("a") as file:
        file.write("../../../.pkgwidgets/lock,,\n")
    with pytest.raises(EnvironmentRefused):
        backend.records.touched(REMOVAL, None)


def test_a_huge_row_is_no_reason_to_fail(backend: Backend, garden: Demo) -> None:
    with record_of(garden).open("a") as file:
        file.write(f"{'x' * 200_000},,\n")
    backend.records.owners([str(garden.site_packages / "raintable.py")])
    with pytest.raises(EnvironmentRefused):
        backend.records.touched(REMOVAL, None)


def test_a_path_that_no_file_can_have_is_refused(backend: Backend, garden: Demo) -> None:
    with record_of(garden).open("a") as file:
        file.write("a\0b,,\n")
    with pytest.raises(EnvironmentRefused):
        backend.records.touched(REMOVAL, None)


def test_a_folder_that_leads_out_of_the_environment_is_not_followed(
    backend: Backend, garden: Demo, tmp_path: Path
) -> None:
    package = garden.site_packages / "bedplanner"
    package.rename(tmp_path / "elsewhere")
    package.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EnvironmentRefused):
        backend.records.touched(plan_of(change_of("bedplanner", "2.1.0", None)), None)


def test_rows_are_read_as_they_are_written(tmp_path: Path) -> None:
    info = tmp_path / "pea-1.dist-info"
    info.mkdir()
    (info / "RECORD").write_bytes(
        b'"a,b.txt",sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\r\n'
        b"c.py,md5=00,\n"
        b"d.py,sha256=!,3\n"
        b"caf\xe9.py\n"
        b"__pycache__/c.cpython-311.pyc,,\n"
    )
    found = {entry.path: entry.sha256 for entry in records._entries(info)}
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert found.pop("d.py") is not None
    assert found == {"a,b.txt": empty, "c.py": None, os.fsdecode(b"caf\xe9.py"): None}


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("pea.py", "pea"),
        ("pea/__init__.py", "pea"),
        ("_pea.cpython-311-x86_64-linux-gnu.so", "_pea"),
        ("pea.abi3.so", "pea"),
        ("pea/__init__.cpython-311-x86_64-linux-gnu.so", "pea"),
        ("pea/sub/__init__.py", None),
        ("pea/module.py", None),
        ("pea-stubs/__init__.pyi", None),
        ("pea.pth", None),
        ("tests/__init__.py", None),
        ("1pea.py", None),
        ("../../../bin/pea.py", None),
    ],
)
def test_a_module_is_what_can_be_imported(path: str, module: str | None) -> None:
    found = records._top_level([records.Entry(path, None)])
    assert found == ({module} if module is not None else set())


def test_unmarking_takes_the_marker_and_its_row(garden: Demo) -> None:
    record, info = record_of(garden), record_of(garden).parent
    rows = record.read_text().splitlines()
    times = record.stat().st_mtime_ns
    records.unmark(info)
    records.unmark(info)
    assert not (info / "REQUESTED").exists()
    assert record.read_text().splitlines() == [row for row in rows if "/REQUESTED," not in row]
    assert record.stat().st_mtime_ns == times
    assert not list(info.glob("*.pkgwidgets"))
