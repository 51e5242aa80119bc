"""RECORD files list the files of their own distribution, or are refused."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from fakes import Kit, change_of, plan_of
from packaging.utils import canonicalize_name

from pkgwidgets.backends.environment import record
from pkgwidgets.connect import connect, file_owners
from pkgwidgets.core.environment import Distribution
from pkgwidgets.core.errors import EnvironmentRefused
from pkgwidgets.core.interfaces import Backend, no_report
from pkgwidgets.core.plans import Plan
from pkgwidgets.demo import Demo, catalog
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.demo.wheel_installer import WheelInstallation

UPGRADE = plan_of(change_of("seedshelf", "1.4.1", "1.4.2"))
REMOVAL = plan_of(change_of("seedshelf", "1.4.1", None))
UNCHANGED = plan_of(change_of("seedshelf", "1.4.0", "1.4.1"))
IDS = [canonicalize_name(pin.partition("==")[0]) for pin in catalog.INSTALLED]


def record_of(garden: Demo) -> Path:
    return garden.site_packages / "seedshelf-1.4.1.dist-info" / "RECORD"


def staged(kit: Kit, plan: Plan) -> Path:
    stage = kit.backend.journal.folder("stage") / "stage"
    stage.parent.mkdir(parents=True) if stage.is_relative_to("/tmp") else None
    kit.backend.installer.stage(plan, stage, no_report)
    return stage


# --- the fake and the real one


def test_touched_paths_of_an_uninstall_are_complete(kit: Kit) -> None:
    site = kit.backend.environment.interpreter.scheme["purelib"]
    paths = kit.backend.records.touched_paths(REMOVAL, None)
    assert {site / "seedshelf.py", site / "seedshelf-1.4.1.dist-info/RECORD"} <= paths
    assert all(
        path.is_relative_to(site.parent) or "bin" in str(path) or "man" in str(path)
        for path in paths
    )


def test_touched_paths_of_an_upgrade_include_staged_files(kit: Kit) -> None:
    wheel = BuiltWheel(name="seedshelf", version="1.5", files={"seedshelf/deep/new.py": ""})
    kit.publish(wheel)
    plan = plan_of(change_of("seedshelf", "1.4.1", "1.5"))
    before = kit.tree()
    paths = kit.backend.records.touched_paths(plan, staged(kit, plan))
    site = kit.backend.environment.interpreter.scheme["purelib"]
    assert {site / "seedshelf.py", site / "seedshelf/deep/new.py"} <= paths
    assert site / "seedshelf-1.5.dist-info/RECORD" in paths
    assert kit.tree() == before


def test_touched_paths_refuse_packages_not_installed_or_not_staged(kit: Kit) -> None:
    unknown = plan_of(change_of("unknown", "1.0", None))
    with pytest.raises(EnvironmentRefused):
        kit.backend.records.touched_paths(unknown, None)
    with pytest.raises(EnvironmentRefused):
        kit.backend.records.touched_paths(
            plan_of(change_of("frostcall", None, "9")), staged(kit, UPGRADE)
        )


def test_modules_are_the_top_level_names(kit: Kit) -> None:
    modules = kit.backend.records.modules([*IDS, canonicalize_name("unknown")])
    assert modules == {name: (name.replace("-", "_"),) for name in IDS}


def test_modules_of_staged_packages_replace_installed_ones(kit: Kit) -> None:
    kit.publish(BuiltWheel(name="seedshelf", version="1.5", files={"shelf/__init__.py": ""}))
    stage = staged(kit, plan_of(change_of("seedshelf", "1.4.1", "1.5")))
    ids = [canonicalize_name(name) for name in ("seedshelf", "raintable")]
    modules = kit.backend.records.modules(ids, stage)
    assert modules == {ids[0]: ("shelf",), ids[1]: ("raintable",)}


def test_files_are_mapped_to_their_distributions(backend: Backend) -> None:
    site = backend.environment.interpreter.scheme["purelib"]
    files = {str(site / name) for name in ("raintable.py", "bedplanner/layout.py", "nobody.py")}
    assert file_owners(backend).owners({*files, "/elsewhere/raintable.py"}) == {
        str(site / "raintable.py"): {"raintable"},
        str(site / "bedplanner/layout.py"): {"bedplanner"},
    }


def test_size_of_a_distribution_is_the_sum_of_its_files(kit: Kit) -> None:
    more = BuiltWheel(name="seedshelf", version="1.5", files={"seedshelf.py": "#" * 5000})
    kit.publish(more)
    ids = [canonicalize_name(name) for name in ("seedshelf", "unknown")]
    (before,) = kit.backend.records.sizes(ids).values()
    plan = plan_of(change_of("seedshelf", "1.4.1", "1.5"))
    staged(kit, plan)
    kit.backend.installer.install(plan, no_report)
    (after,) = kit.backend.records.sizes(ids).values()
    assert after >= 5000 > before > 100


def test_intact_environment_has_no_damage(kit: Kit) -> None:
    assert kit.backend.records.damage(UNCHANGED) == ()


@pytest.mark.parametrize("content", [None, b"", b"x"], ids=["missing", "empty", "other"])
def test_damaged_file_is_named(kit: Kit, content: bytes | None) -> None:
    kit.edit("seedshelf.py", content)
    (problem,) = kit.backend.records.damage(UNCHANGED)
    assert problem.startswith("seedshelf: seedshelf.py ")
    assert kit.backend.records.damage(REMOVAL) == ()


def test_distribution_without_record_is_refused(kit: Kit) -> None:
    kit.edit("seedshelf-1.4.1.dist-info/RECORD", None)
    with pytest.raises(EnvironmentRefused):
        kit.backend.records.touched_paths(REMOVAL, None)


def test_distribution_without_record_is_unchangeable_with_a_reason(kit: Kit) -> None:
    assert kit.backend.records.unchangeable_reasons(IDS, leaving=IDS) == {}
    kit.edit("seedshelf-1.4.1.dist-info/RECORD", None)
    kit.backend.environment.distributions()
    reasons = kit.backend.records.unchangeable_reasons([canonicalize_name("seedshelf")])
    assert list(reasons) == ["seedshelf"]
    assert reasons[canonicalize_name("seedshelf")]


def test_fingerprint_changes_with_an_edited_file(kit: Kit) -> None:
    stamps = kit.backend.records.fingerprints
    before = stamps(IDS)
    assert set(before) == set(IDS)
    assert stamps(IDS) == before
    kit.edit("seedshelf.py", b"x = 1\n")
    assert {name for name in IDS if stamps(IDS)[name] != before[name]} == {"seedshelf"}
    kit.edit("bedplanner/layout.py", None)
    changed = {name for name in IDS if stamps(IDS)[name] != before[name]}
    assert changed == {"seedshelf", "bedplanner"}


def test_staged_distributions_are_read_like_installed_ones(kit: Kit) -> None:
    stage = staged(kit, UPGRADE)
    distributions = kit.backend.records.staged(stage)
    assert [str(d.version) for d in distributions.values() if isinstance(d, Distribution)] == [
        "1.4.2"
    ]
    (name,) = distributions
    assert (name, kit.backend.records.startup_files(distributions, stage)) == ("seedshelf", {})
    fingerprints = kit.backend.records.fingerprints(distributions, stage)
    assert len(fingerprints[name]) == 64
    again = kit.backend.records.fingerprints(distributions, stage)
    assert again == fingerprints


# --- the real one only


def test_staged_fingerprint_depends_only_on_the_contents(backend: Backend, garden: Demo) -> None:
    """Files and times that the installer added do not matter; other contents do."""

    def staged_fingerprint(text: str, number: int) -> str:
        garden.index.publish(BuiltWheel(name="pea", version="1", files={"pea.py": text}))
        stage = garden.folder / "env" / ".pkgwidgets" / str(number)
        plan = plan_of(change_of("pea", None, "1"))
        garden.index.close()
        garden.index.start()
        fresh = connect(garden.python, garden.index_url)
        fresh.installer.stage(plan, stage, no_report)
        (fingerprint,) = fresh.records.fingerprints([canonicalize_name("pea")], stage).values()
        return fingerprint

    assert (
        staged_fingerprint("x = 1\n", 1)
        == staged_fingerprint("x = 1\n", 2)
        != staged_fingerprint("x = 2\n", 3)
    )


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"pea.pth": "import pea\n"}, ("pea.pth",)),
        (
            {"pea.pth": "more\nimport\tpea\n", "sitecustomize.py": ""},
            ("pea.pth", "sitecustomize.py"),
        ),
        ({"pea.pth": "more\n# import pea\n", "pea/usercustomize.py": ""}, ()),
        ({"usercustomize.py": ""}, ("usercustomize.py",)),
    ],
    ids=range(4),
)
def test_startup_files_of_a_distribution_are_listed(
    backend: Backend, garden: Demo, files: dict[str, str], expected: tuple[str, ...]
) -> None:
    scheme = backend.environment.interpreter.scheme
    wheel = BuiltWheel(name="pea", version="1", files=files)
    WheelInstallation(wheel=wheel, python=garden.python, scheme=scheme, requested=True).run()
    pea = canonicalize_name("pea")
    assert backend.records.startup_files([pea, *IDS]) == ({pea: expected} if expected else {})


def test_record_rows_are_filtered_by_top_level_names(tmp_path: Path) -> None:
    info = tmp_path / "pea-1.dist-info"
    info.mkdir()
    rows = ["pea/a.py", "pea.py", '"pea/b,c.py"', "peas/a.py", "pea-1.dist-info/RECORD",
            "../../bin/pea", "pod/pea/a.py", "/pea", "pea.cpython-311.so", "pod.py"]  # fmt: skip
    (info / "RECORD").write_text("".join(f"{row},,\n" for row in rows))
    paths = {entry.path for entry in record.entries_in(info, {"pea"})}
    assert paths == {"pea/a.py", "pea.py", "pea/b,c.py", "/pea", "pea.cpython-311.so"}
    assert {entry.path for entry in record.entries_in(info, {".."})} == {"../../bin/pea", "/pea"}
    assert record.entries_in(info, set()) == []
    (info / "RECORD").write_text("pod/../pea.py,,\n")
    assert [entry.path for entry in record.entries_in(info, {"pea"})] == ["pod/../pea.py"]


def test_scripts_and_data_files_are_touched_paths(backend: Backend) -> None:
    prefix = backend.environment.interpreter.prefix
    paths = backend.records.touched_paths(REMOVAL, None)
    assert {prefix / "bin/seedshelf", prefix / "share/man/man1/seedshelf.1"} <= paths


def test_flipped_byte_is_reported_as_damage(backend: Backend, garden: Demo) -> None:
    file = garden.site_packages / "seedshelf.py"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert backend.records.damage(UNCHANGED) == (
        "seedshelf: seedshelf.py differs from its hash in RECORD",
    )


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
def test_record_with_a_hostile_path_is_refused(
    backend: Backend, garden: Demo, row: str, plan: Plan
) -> None:
    (garden.site_packages / "raintable").mkdir()
    with record_of(garden).open("a") as file:
        file.write(f"{row},,\n")
    with pytest.raises(EnvironmentRefused, match=r"RECORD of seedshelf-1\.4\.1\.dist-info lists"):
        backend.records.touched_paths(plan, None)


@pytest.mark.parametrize("text", ["", "\n\n", ",,\n", "__pycache__/a.pyc,,\n"])
def test_empty_record_is_refused(backend: Backend, garden: Demo, text: str) -> None:
    record_of(garden).write_text(text)
    with pytest.raises(EnvironmentRefused, match="has no RECORD, so its files are unknown"):
        backend.records.touched_paths(REMOVAL, None)


def test_record_that_names_the_state_folder_is_refused(backend: Backend, garden: Demo) -> None:
    with record_of(garden).open("a") as file:
        file.write("../../../.pkgwidgets/lock,,\n")
    with pytest.raises(EnvironmentRefused):
        backend.records.touched_paths(REMOVAL, None)


def test_record_with_a_huge_row_is_refused_without_a_crash(backend: Backend, garden: Demo) -> None:
    with record_of(garden).open("a") as file:
        file.write(f"{'x' * 200_000},,\n")
    file_owners(backend).owners([str(garden.site_packages / "raintable.py")])
    with pytest.raises(EnvironmentRefused):
        backend.records.touched_paths(REMOVAL, None)


def test_record_path_with_a_null_byte_is_refused(backend: Backend, garden: Demo) -> None:
    with record_of(garden).open("a") as file:
        file.write("a\0b,,\n")
    with pytest.raises(EnvironmentRefused):
        backend.records.touched_paths(REMOVAL, None)


def test_symlinked_folder_outside_the_environment_is_refused(
    backend: Backend, garden: Demo, tmp_path: Path
) -> None:
    package = garden.site_packages / "bedplanner"
    package.rename(tmp_path / "elsewhere")
    package.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EnvironmentRefused):
        backend.records.touched_paths(plan_of(change_of("bedplanner", "2.1.0", None)), None)


def test_record_rows_are_parsed_as_csv(tmp_path: Path) -> None:
    info = tmp_path / "pea-1.dist-info"
    info.mkdir()
    (info / "RECORD").write_bytes(
        b'"a,b.txt",sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\r\n'
        b"c.py,md5=00,\n"
        b"d.py,sha256=!,3\n"
        b"caf\xe9.py\n"
        b"__pycache__/c.cpython-311.pyc,,\n"
    )
    hashes = {entry.path: entry.sha256 for entry in record.entries(info)}
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert hashes.pop("d.py") is not None
    assert hashes == {"a,b.txt": empty, "c.py": None, os.fsdecode(b"caf\xe9.py"): None}


EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
SHA3 = "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"
EMPTY_SHA384 = "OLBgp1GsljhM2TJ-sbHjaiH9txEUvgdDTAzHv2P24donTt6_529l-9Ua0vFImLlb"


@pytest.mark.parametrize(
    ("hash_text", "expected"),
    [
        (f"sha256={EMPTY_SHA256}", ("sha256", EMPTY_SHA256)),
        (f"sha256={EMPTY_SHA256.upper()}", ("sha256", EMPTY_SHA256)),
        ("sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=", ("sha256", EMPTY_SHA256)),
        (f"sha384={EMPTY_SHA384}", ("sha384", base64.urlsafe_b64decode(EMPTY_SHA384).hex())),
        ("sha3_256=p__G-L8e12ZRwUdWoGHWYvWA_03kO0n6gtgKS4D4Q0o", ("sha3_256", SHA3)),
        ("md5=1B2M2Y8AsgTpgAmY7PhCfg", None),
        ("sha1=2jmj7l5rSw0yVb_vlWAYkK_YBwk", None),
        ("crc=0", None),
        ("", None),
    ],
)
def test_hash_of_any_strong_algorithm_is_read(
    tmp_path: Path, hash_text: str, expected: tuple[str, str] | None
) -> None:
    info = tmp_path / "pea-1.dist-info"
    info.mkdir()
    (tmp_path / "pea.py").touch()
    (info / "RECORD").write_text(f"pea.py,{hash_text},0\n")
    (entry,) = record.entries(info)
    assert entry.hash == expected
    assert entry.matches(str(tmp_path / "pea.py"))
    (tmp_path / "pea.py").write_text("1")
    assert entry.matches(str(tmp_path / "pea.py")) is (expected is None)


@pytest.mark.parametrize("digest", ["", "!", "47DEQ", EMPTY_SHA256[:-2], f"{EMPTY_SHA256}00"])
def test_text_that_is_no_hash_matches_no_file(tmp_path: Path, digest: str) -> None:
    info = tmp_path / "pea-1.dist-info"
    info.mkdir()
    (tmp_path / "pea.py").touch()
    (info / "RECORD").write_text(f"pea.py,sha256={digest},0\n")
    (entry,) = record.entries(info)
    assert not entry.matches(str(tmp_path / "pea.py"))


def test_paths_are_those_of_the_entries(tmp_path: Path) -> None:
    rows = '"a,b.py",,\n./c.py,sha256=x,3\nd\\e.so\n__pycache__/c.pyc,,\n,,\nf.pyc,md5=1,2\n'
    tmp_path.joinpath("RECORD").write_text(rows)
    assert record.paths(tmp_path) == [entry.path for entry in record.entries(tmp_path)]
    assert record.paths(tmp_path) == ["a,b.py", "c.py", "d/e.so", "f.pyc"]
    tmp_path.joinpath("RECORD").write_text("a" * 200_000)
    assert record.paths(tmp_path) == []
    assert record.entries(tmp_path) == ()


def test_record_paths_may_begin_with_a_dot(tmp_path: Path) -> None:
    info = tmp_path / "pea-1.dist-info"
    info.mkdir()
    (info / "RECORD").write_text("./pea/a.py,,\n././pea/b.py,,\n.\\pea\\c.py,,\n.hidden/d,,\n")
    paths = ["pea/a.py", "pea/b.py", "pea/c.py", ".hidden/d"]
    assert [entry.path for entry in record.entries(info)] == paths
    assert [entry.path for entry in record.entries_in(info, {"pea"})] == paths[:3]


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("pea.py", "pea"),
        ("pea/__init__.py", "pea"),
        ("_pea.cpython-311-x86_64-linux-gnu.so", "_pea"),
        ("pea.abi3.so", "pea"),
        ("pea/__init__.cpython-311-x86_64-linux-gnu.so", "pea"),
        ("pea/sub/__init__.py", "pea.sub"),
        ("pea/module.py", "pea.module"),
        ("pea/__init__.pyc", "pea"),
        ("a/b/c/__init__.py", "a.b.c"),
        ("a/b/c/d/__init__.py", None),
        ("pea/setup.py", None),
        ("share/pea/__init__.py", None),
        ("pea/data.txt", None),
        ("pea-stubs/__init__.pyi", None),
        ("pea.pth", None),
        ("tests/__init__.py", None),
        ("1pea.py", None),
        ("../../../bin/pea.py", None),
    ],
)
def test_module_names_are_derived_from_record_paths(path: str, module: str | None) -> None:
    names = record.module_names([record.Entry(path, None)])
    assert names == ({module} if module is not None else set())


def test_remove_requested_deletes_the_marker_and_its_record_row(garden: Demo) -> None:
    file, info = record_of(garden), record_of(garden).parent
    rows = file.read_text().splitlines()
    times = file.stat().st_mtime_ns
    record.remove_requested(info)
    record.remove_requested(info)
    assert not (info / "REQUESTED").exists()
    assert file.read_text().splitlines() == [row for row in rows if "/REQUESTED," not in row]
    assert file.stat().st_mtime_ns == times
    assert not list(info.glob("*.pkgwidgets"))


def test_undo_reads_no_code_of_files_with_one_owner(
    backend: Backend, garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def remember(file: Path) -> bool:
        read.append(file)
        return False

    monkeypatch.setattr("pkgwidgets.backends.environment.file_effects.has_no_effect", remember)
    backend.records.raise_if_owned(UPGRADE, sorted(garden.site_packages.glob("seedshelf*.py")))
    assert read == []
