"""Write a lock as a requirements file with hashes, which uv and pip install."""

from __future__ import annotations

from collections.abc import Iterator
from string import punctuation
from urllib.parse import quote

from .lock import Lock, LockedPackage, LockedSource

_NO_HASH = "pip accepts no line without a hash beside others that have one"


def write_requirements(lock: Lock) -> str:
    """Return the text of a lock as a requirements file.

    A package without a hash is a comment: pip refuses the whole file for one such line. Source:
    https://pip.pypa.io/en/stable/topics/secure-installs/.
    """
    python = f" of Python {lock.python}" if lock.python else ""
    lines = [f"# Exported by pkgwidgets from an environment{python}."]
    for package in lock.packages:
        lines += requirement_lines(package)
    lines += [f"# {name}: {why}" for name, why in lock.missing.items()]
    return "\n".join(lines) + "\n"


def requirement_lines(package: LockedPackage) -> Iterator[str]:
    """Yield the lines of one package."""
    marker = f" ; {package.marker}" if package.marker else ""
    requirement = f"{requirement_text(package)}{marker}"
    hashes = hashes_of(package)
    if not hashes:
        kind = "editable: " if package.source is not None and package.source.editable else ""
        yield f"# {kind}{requirement}  ({_NO_HASH})"
        return
    yield " \\\n".join([requirement, *(f"    --hash=sha256:{digest}" for digest in hashes)])


def hashes_of(package: LockedPackage) -> tuple[str, ...]:
    """Return the sha256 hashes that an installer may accept for a package."""
    if package.source is not None:
        return (package.source.sha256,) if package.source.sha256 else ()
    return tuple(dict.fromkeys([*(file.sha256 for file in package.files), *package.hashes]))


def requirement_text(package: LockedPackage) -> str:
    """Return a package as a requirement (PEP 508), without its marker and hashes."""
    if package.source is None:
        return package.name if package.version is None else f"{package.name}=={package.version}"
    if package.source.editable:
        return f"-e {_escaped(package.source.url)}"
    return f"{package.name} @ {_source_url(package.source)}"


def _source_url(source: LockedSource) -> str:
    """Return the URL of a direct reference (PEP 440, PEP 610)."""
    url = f"{source.vcs}+{source.url}@{source.commit}" if source.kind == "vcs" else source.url
    subdirectory = f"#subdirectory={quote(source.subdirectory)}" if source.subdirectory else ""
    return f"{_escaped(url)}{subdirectory}"


def _escaped(url: str) -> str:
    """Return a URL without spaces and line ends, which would end it in a requirement."""
    return quote(url, safe=punctuation)
