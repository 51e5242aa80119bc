"""Environments of many distributions."""

from __future__ import annotations

from pathlib import Path

from pkgwidgets.demo.wheel_builder import BuiltWheel, record_row, record_text

_WHEEL = b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def fill(site_packages: Path, count: int) -> None:
    """Install distributions of no content."""
    for number in range(count):
        wheel = BuiltWheel(name=f"filler-{number}", version="1.0", files={})
        info = site_packages / f"{wheel.stem}.dist-info"
        info.mkdir()
        metadata = wheel.metadata_text.encode()
        (info / "METADATA").write_bytes(metadata)
        (info / "WHEEL").write_bytes(_WHEEL)
        (info / "INSTALLER").write_text("uv\n", "utf-8")
        rows = [
            record_row(f"{info.name}/METADATA", metadata),
            record_row(f"{info.name}/WHEEL", _WHEEL), (f"{info.name}/RECORD", "", ""),
        ]  # fmt: skip
        (info / "RECORD").write_text(record_text(rows), "utf-8")
