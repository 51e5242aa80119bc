"""Write a lock as `pylock.toml` (PEP 751).

`packaging.pylock` came with packaging 26, and pkgwidgets works with much older ones. It also reads
and checks only, and writes no TOML. The tests check with it what this module writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC
from urllib.parse import unquote, urlsplit

from .lock import Lock, LockedFile, LockedPackage, LockedSource

LOCK_VERSION = "1.0"
TOOL = "pkgwidgets"


def write_pylock(lock: Lock) -> str:
    """Return the text of a lock; packages that the format cannot hold are below `[tool]`.

    `[tool.pkgwidgets]` also has the exact Python, and the packages that the user requested.
    """
    lines = [f"lock-version = {_string(LOCK_VERSION)}", f"created-by = {_string(TOOL)}"]
    if lock.python:
        minor = ".".join(lock.python.split(".")[:2])
        lines.append(f"requires-python = {_string(f'>={minor}')}")
    for package in lock.packages:
        lines += ["", "[[packages]]", *_package_lines(package)]
    lines += ["", f"[tool.{TOOL}]", f"python = {_string(lock.python)}"]
    lines.append(f"requested = {_array(package.name for package in lock.requested)}")
    if lock.missing:
        lines += ["", f"[tool.{TOOL}.missing]"]
        lines += [f"{_string(name)} = {_string(why)}" for name, why in lock.missing.items()]
    return "\n".join(lines) + "\n"


def _package_lines(package: LockedPackage) -> Iterator[str]:
    yield f"name = {_string(package.name)}"
    if package.version is not None and package.source is None:
        yield f"version = {_string(str(package.version))}"
    if package.marker:
        yield f"marker = {_string(package.marker)}"
    if package.files:
        yield "wheels = ["
        yield from (f"  {_file(file)}," for file in package.files)
        yield "]"
    if package.source is not None:
        yield f"{package.source.kind} = {_source(package.source)}"


def _file(file: LockedFile) -> str:
    facts = {"name": _string(file.name), "url": _string(file.url)}
    if file.uploaded is not None:
        facts["upload-time"] = f"{file.uploaded.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    if file.size is not None:
        facts["size"] = str(file.size)
    return _table({**facts, "hashes": _table({"sha256": _string(file.sha256)})})


def _source(source: LockedSource) -> str:
    """Return the table of a package that is not of an index."""
    facts: dict[str, str] = {}
    match source.kind:
        case "vcs":
            facts = {"type": _string(source.vcs), "url": _string(source.url)}
            if source.requested_revision:
                facts["requested-revision"] = _string(source.requested_revision)
            facts["commit-id"] = _string(source.commit)
        case "directory":
            facts = {"path": _string(unquote(urlsplit(source.url).path))}
            facts["editable"] = "true" if source.editable else "false"
        case _:
            facts = {"url": _string(source.url)}
            facts["hashes"] = _table({"sha256": _string(source.sha256)})
    if source.subdirectory:
        facts["subdirectory"] = _string(source.subdirectory)
    return _table(facts)


def _table(facts: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{key} = {value}" for key, value in facts.items()) + " }"


def _array(texts: Iterator[str]) -> str:
    return "[" + ", ".join(map(_string, texts)) + "]"


def _string(text: str) -> str:
    """Return a basic string of TOML: as in JSON, but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
