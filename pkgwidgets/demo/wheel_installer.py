"""Unpacks a wheel into an environment and records it, the way an installer does."""

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

_INSTALLER = "uv"
"""Who it says it was: the demo shows an environment that uv keeps."""
_LONGEST_SHEBANG = 127
"""Linux before 5.1 reads no further, later ones twice that (BINPRM_BUF_SIZE)."""

_SCRIPT = """\
{shebang}
# -*- coding: utf-8 -*-
import sys
from {module} import {name}
if __name__ == "__main__":
    sys.exit({call}())
"""


@dataclass(kw_only=True, slots=True)
class WheelInstallation:
    """One wheel on its way into an environment; `scheme` are sysconfig's folders by name."""

    wheel: BuiltWheel
    python: Path
    scheme: Mapping[str, Path]
    requested: bool
    _rows: list[tuple[str, str, str]] = field(default_factory=list)

    def run(self) -> None:
        """Write every file of it; raises FileExistsError for one that is there already."""
        info = f"{self.wheel.stem}.dist-info"
        record = f"{info}/RECORD"
        site = self.scheme["purelib"]
        with zipfile.ZipFile(io.BytesIO(self.wheel.data)) as archive:
            for path in archive.namelist():
                if path != record:
                    self._write(self._destination(path), archive.read(path))
        for script in _console_scripts(self.wheel.entry_points):
            text = _script_text(script, self.python)
            self._write(self.scheme["scripts"] / script.name, text.encode(), mode=0o755)
        self._write(site / info / "INSTALLER", _INSTALLER.encode())
        if self.requested:
            self._write(site / info / "REQUESTED", b"")
        text = record_text([*sorted(self._rows), (record, "", "")])
        (site / record).write_text(text, encoding="utf-8")

    def _destination(self, path: str) -> Path:
        """Return where a member goes: into site-packages unless it names another folder."""
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
    return _SCRIPT.format(
        shebang=_shebang(python), module=script.module, name=name, call=script.attr
    )


def _shebang(python: Path) -> str:
    """Return the first line; through a shell where the kernel cannot read the path."""
    line = f"#!{python}"
    if " " not in line and len(line) <= _LONGEST_SHEBANG:
        return line
    return f"#!/bin/sh\n'''exec' '{python}' \"$0\" \"$@\"\n' '''"
