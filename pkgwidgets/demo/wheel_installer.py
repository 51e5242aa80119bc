"""Unpack a wheel into an environment and record it, as an installer does."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path

from .wheel_builder import BuiltWheel, record_row, record_text

_INSTALLER_NAME = "uv"
"""The content of `INSTALLER`: the demo shows an environment that uv manages."""
_MAX_SHEBANG_BYTES = 127
"""Bytes of a first line that Linux before 5.1 reads; later ones read 255 (BINPRM_BUF_SIZE)."""

_SCRIPT_TEMPLATE = """\
{shebang}
# -*- coding: utf-8 -*-
import sys
from {module} import {name}
if __name__ == "__main__":
    sys.exit({call}())
"""


@dataclass(kw_only=True, slots=True)
class WheelInstallation:
    """The installation of one wheel; `scheme` maps sysconfig's names to folders."""

    wheel: BuiltWheel
    python: Path
    scheme: Mapping[str, Path]
    requested: bool
    _rows: list[tuple[str, str, str]] = field(default_factory=list)

    def run(self) -> None:
        """Write every file of the wheel; raises FileExistsError for one that exists."""
        dist_info = f"{self.wheel.stem}.dist-info"
        record = f"{dist_info}/RECORD"
        site = self.scheme["purelib"]
        with zipfile.ZipFile(io.BytesIO(self.wheel.data)) as archive:
            for path in archive.namelist():
                if path != record:
                    self._write(self._destination(path), archive.read(path))
        for script in _console_scripts(self.wheel.entry_points):
            text = _script_text(script, self.python)
            self._write(self.scheme["scripts"] / script.name, text.encode(), mode=0o755)
        self._write(site / dist_info / "INSTALLER", _INSTALLER_NAME.encode())
        if self.requested:
            self._write(site / dist_info / "REQUESTED", b"")
        text = record_text([*sorted(self._rows), (record, "", "")])
        (site / record).write_text(text, encoding="utf-8")

    def _destination(self, path: str) -> Path:
        """Return the destination of a member: site-packages, unless it is in `.data`."""
        root, _, rest = path.partition("/")
        if root != f"{self.wheel.stem}.data":
            return self.scheme["purelib"] / path
        key, _, inside = rest.partition("/")
        return self.scheme[key] / inside

    def _write(self, path: Path, content: bytes, *, mode: int = 0o644) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(content)
        path.chmod(mode)
        relative = Path(os.path.relpath(path, self.scheme["purelib"])).as_posix()
        self._rows.append(record_row(relative, content))


def _console_scripts(entry_points: str) -> Iterator[EntryPoint]:
    parser = ConfigParser(delimiters="=", interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    parser.read_string(entry_points)
    if parser.has_section("console_scripts"):
        for name, value in parser.items("console_scripts"):
            yield EntryPoint(name, value, "console_scripts")


def _script_text(script: EntryPoint, python: Path) -> str:
    name = script.attr.partition(".")[0]
    return _SCRIPT_TEMPLATE.format(
        shebang=_shebang(python), module=script.module, name=name, call=script.attr
    )


def _shebang(python: Path) -> str:
    """Return the first line of a script; by way of a shell if Linux cannot read the path."""
    line = f"#!{python}"
    if " " not in line and len(line) <= _MAX_SHEBANG_BYTES:
        return line
    return f"#!/bin/sh\n'''exec' '{python}' \"$0\" \"$@\"\n' '''"
