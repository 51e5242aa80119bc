"""Wheels built in memory follow PEP 427; malformed ones have exactly the requested defect."""

from __future__ import annotations

import base64
import csv
import dataclasses
import hashlib
import io
import zipfile

import pytest
from malformed_wheels import MalformedWheel
from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename
from packaging.version import Version

from pkgwidgets.demo import catalog
from pkgwidgets.demo.wheel_builder import BuiltWheel


def members(wheel: BuiltWheel) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(wheel.data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def rows(wheel: BuiltWheel) -> list[list[str]]:
    text = members(wheel)[f"{wheel.stem}.dist-info/RECORD"].decode()
    return list(csv.reader(io.StringIO(text)))


@pytest.mark.parametrize("wheel", catalog.WHEELS, ids=lambda wheel: wheel.stem)
def test_record_names_every_member_with_its_hash(wheel: BuiltWheel) -> None:
    files = members(wheel)
    record = f"{wheel.stem}.dist-info/RECORD"
    expected = [[record, "", ""]]
    for path, content in files.items():
        if path != record:
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode()
            expected.append([path, f"sha256={digest.rstrip('=')}", str(len(content))])
    assert sorted(rows(wheel)) == sorted(expected)


@pytest.mark.parametrize("wheel", catalog.WHEELS, ids=lambda wheel: wheel.stem)
def test_name_version_and_metadata_agree(wheel: BuiltWheel) -> None:
    name, version, _, tags = parse_wheel_filename(wheel.filename)
    metadata = Metadata.from_email(members(wheel)[f"{wheel.stem}.dist-info/METADATA"])
    assert (name, version) == (wheel.id, Version(wheel.version))
    assert {str(tag) for tag in tags} == {"py3-none-any"}
    assert (metadata.name, metadata.version) == (wheel.name, Version(wheel.version))
    assert set(metadata.requires_dist or ()) == set(map(Requirement, wheel.requires))
    assert metadata.summary == wheel.summary != ""
    assert str(metadata.requires_python) == wheel.requires_python
    assert metadata.project_urls == {"Home": f"https://example.invalid/{wheel.name}"}


@pytest.mark.parametrize("wheel", catalog.WHEELS, ids=lambda wheel: wheel.stem)
def test_wheel_code_compiles_and_has_its_version(wheel: BuiltWheel) -> None:
    sources = {path: text for path, text in members(wheel).items() if path.endswith(".py")}
    for path, source in sources.items():
        compile(source, path, "exec")
    assert any(f'__version__ = "{wheel.version}"'.encode() in s for s in sources.values())
    assert not any(b"@" in source for source in sources.values())


GOLDEN = "d470bc08a43b1c42b48edc68d2706479e3d433565b5335682fe5683490c760c6"


def test_wheel_build_is_reproducible() -> None:
    a = BuiltWheel(name="Pea_Pod", version="1.0", files={"a.py": "", "b/__init__.py": "x = 1\n"})
    b = BuiltWheel(name="Pea_Pod", version="1.0", files={"b/__init__.py": "x = 1\n", "a.py": b""})
    assert a.data == b.data
    assert a.sha256 == hashlib.sha256(a.data).hexdigest() == GOLDEN
    assert dataclasses.replace(a, version="1.1").data != a.data


def test_unusual_file_paths_are_written_correctly() -> None:
    wheel = BuiltWheel(
        name="Pea.Pod",
        version="1.0+local",
        files={
            "pea_pod/a,b.txt": "x",
            "{name}-{version}.data/data/share/pea": b"\x00\xff",
            "single.py": "",
        },
    )
    assert wheel.filename == "pea_pod-1.0+local-py3-none-any.whl"
    assert members(wheel)["pea_pod-1.0+local.data/data/share/pea"] == b"\x00\xff"
    assert "pea_pod/a,b.txt" in [row[0] for row in rows(wheel)]
    info = "pea_pod-1.0+local.dist-info"
    assert members(wheel)[f"{info}/top_level.txt"] == b"pea_pod\nsingle\n"
    assert f"{info}/entry_points.txt" not in members(wheel)
    assert list(members(wheel))[-1] == f"{info}/RECORD"


def test_entry_points_extras_and_compressed_tags_are_written() -> None:
    wheel = BuiltWheel(
        name="pea",
        version="1",
        tag="py2.py3-none-any",
        requires=('pod>=1; extra == "shell"',),
        extras=("shell",),
        entry_points="[console_scripts]\npea = pea:main\n",
    )
    files = members(wheel)
    assert files["pea-1.dist-info/entry_points.txt"] == wheel.entry_points.encode()
    assert files["pea-1.dist-info/WHEEL"].decode().splitlines()[2:] == [
        "Root-Is-Purelib: true",
        "Tag: py2-none-any",
        "Tag: py3-none-any",
    ]
    metadata = Metadata.from_email(wheel.metadata_text)
    assert metadata.provides_extra == ["shell"]
    assert not metadata.requires_python


def test_platform_wheel_is_not_purelib() -> None:
    wheel = BuiltWheel(name="pea", version="1", tag="cp311-cp311-linux_x86_64")
    assert b"Root-Is-Purelib: false\n" in members(wheel)["pea-1.dist-info/WHEEL"]


def test_record_can_be_falsified() -> None:
    good = MalformedWheel(name="pea", version="1", files={"pea.py": "x = 1\n"})
    bad = dataclasses.replace(good, record=lambda text: text.replace("sha256=", "sha256=AAAA"))
    assert rows(bad)[0][1] == "sha256=AAAA" + rows(good)[0][1].removeprefix("sha256=")
    assert members(bad)["pea.py"] == members(good)["pea.py"]


def test_metadata_can_be_replaced() -> None:
    wheel = MalformedWheel(name="pea", version="1", metadata="Name: other\n")
    assert members(wheel)["pea-1.dist-info/METADATA"] == b"Name: other\n"
    assert wheel.metadata_sha256 == hashlib.sha256(b"Name: other\n").hexdigest()


def test_damage_keeps_the_hash_of_the_original() -> None:
    good = MalformedWheel(name="pea", version="1")
    bad = dataclasses.replace(good, damage=lambda data: data[:-1])
    assert good.sent == good.data
    assert (bad.sent, bad.sha256) == (good.data[:-1], good.sha256)


def test_path_outside_the_environment_is_kept_in_the_wheel() -> None:
    wheel = BuiltWheel(name="pea", version="1", files={"../evil.py": ""})
    assert "../evil.py" in members(wheel)
    assert members(wheel)["pea-1.dist-info/top_level.txt"] == b""


def test_repr_is_short() -> None:
    assert repr(catalog.WHEELS[0]) == "BuiltWheel(seedshelf-1.4.1-py3-none-any.whl)"
