"""A stage gets the layout of its environment, and its RECORD files name the new places."""

from __future__ import annotations

from pathlib import Path

from pkgwidgets.backends.installer.stage_layout import arrange

DEBIAN = {
    "lib/python3.11/site-packages": "local/lib/python3.11/dist-packages",
    "bin": "local/bin",
    "include/site/python3.11": "include/python3.11",
    "": "local",
}
SITE = "lib/python3.11/site-packages"


def write(stage: Path, *paths: str, record: str = "") -> None:
    for path in paths:
        (stage / path).parent.mkdir(parents=True, exist_ok=True)
        (stage / path).write_text(path, "utf-8")
    info = stage / SITE / "pea-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "RECORD").write_text(record, "utf-8", errors="surrogateescape")


def files(stage: Path) -> set[str]:
    return {str(path.relative_to(stage)) for path in stage.rglob("*") if path.is_file()}


def test_each_file_is_moved_with_its_folder_and_record_follows(tmp_path: Path) -> None:
    paths = (f"{SITE}/pea.py", "bin/pea", "include/site/python3.11/pea/pea.h", "local/pea.cfg")
    rows = [
        "pea.py,sha256=x,1",
        "../../../bin/pea,,",
        '"../../../include/site/python3.11/pea/pea.h",,',
    ]
    rows += [
        "../../../local/pea.cfg,,",
        "pea-1.0.dist-info/RECORD,,",
        "/etc/x,,",
        "../../../../x,,",
    ]
    write(tmp_path, *paths, record="\n".join(rows) + "\n")
    arrange(tmp_path, DEBIAN)
    site = "local/lib/python3.11/dist-packages"
    assert files(tmp_path) == {
        f"{site}/pea.py",
        f"{site}/pea-1.0.dist-info/RECORD",
        "local/bin/pea",
        "include/python3.11/pea/pea.h",
        "local/local/pea.cfg",
    }
    assert (tmp_path / site / "pea.py").read_text("utf-8") == f"{SITE}/pea.py"
    record = (tmp_path / site / "pea-1.0.dist-info" / "RECORD").read_text("utf-8")
    assert record.splitlines() == [
        "pea.py,sha256=x,1",
        "../../../bin/pea,,",
        "../../../../include/python3.11/pea/pea.h,,",
        "../../../local/pea.cfg,,",
        "pea-1.0.dist-info/RECORD,,",
        "/etc/x,,",
        "../../../../x,,",
    ]


def test_stage_with_the_right_layout_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, "bin/pea", record="odd,row\r\n")
    before = files(tmp_path)
    arrange(tmp_path, {})
    assert files(tmp_path) == before
    record = tmp_path / SITE / "pea-1.0.dist-info" / "RECORD"
    assert record.read_bytes() == b"odd,row\r\n"


def test_names_that_are_not_unicode_are_kept(tmp_path: Path) -> None:
    write(tmp_path, "bin/pea", record="../../../bin/p\udcff,,\n")
    arrange(tmp_path, DEBIAN)
    record = tmp_path / "local/lib/python3.11/dist-packages/pea-1.0.dist-info/RECORD"
    assert record.read_bytes() == b"../../../bin/p\xff,,\n"


def test_empty_folders_are_moved_too(tmp_path: Path) -> None:
    write(tmp_path, f"{SITE}/pea/__init__.py")
    (tmp_path / SITE / "pea" / "assets").mkdir()
    arrange(tmp_path, DEBIAN)
    assert (tmp_path / "local/lib/python3.11/dist-packages/pea/assets").is_dir()
