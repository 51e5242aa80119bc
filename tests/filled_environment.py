"""Environments of many distributions."""

from __future__ import annotations

from pathlib import Path

from pkgwidgets.demo.wheel_builder import BuiltWheel, record_row, record_text


def fill(site_packages: Path, count: int) -> None:
    """Install distributions of no content."""
    for number in range(count):
        wheel = BuiltWheel(name=f"filler-{number}", version="1.0", files={})
        info = site_packages / f"{wheel.stem}.dist-info"
        info.mkdir()
        metadata = wheel.metadata_text.encode()
        (info / "METADATA").write_bytes(metadata)
        (info / "INSTALLER").write_text("uv\n", "utf-8")
        rows = [
            record_row(f"{info.name}/METADATA", metadata), (f"{info.name}/RECORD", "", ""),
        ]  # fmt: skip
        (info / "RECORD").write_text(record_text(rows), "utf-8")
