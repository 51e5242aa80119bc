"""Export what is installed as a lock: exact versions, with the hashes of their files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from packaging.markers import Marker
from packaging.utils import NormalizedName, canonicalize_name

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.compatibility import compatible_wheels
from pkgwidgets.core.environment import Distribution, Unreadable
from pkgwidgets.core.errors import InvalidRequest, PkgwidgetsError
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import Backend, Report, no_report
from pkgwidgets.core.lock import (
    LOCK_FORMATS,
    PYLOCK,
    Export,
    Lock,
    LockedPackage,
    LockedSource,
)
from pkgwidgets.core.origins import ORIGIN_REASONS, Origin
from pkgwidgets.core.pylock_text import write_pylock
from pkgwidgets.core.releases import Release
from pkgwidgets.core.requirements_text import hashes_of, write_requirements
from pkgwidgets.core.text import shorten_names

from . import inventory

_MAX_MARKERS = 3
"""Markers of one package that are joined; with more of them it counts as needed everywhere."""
_NO_RELEASE = "the index has no such release"
_NO_WHEEL = "the index has no wheel of this release"
_NO_HASH = "the index gives no sha256 of its wheels"
_NO_ADDRESS = "the index gives no address of its wheels"


def export(backend: Backend, file_name: str = PYLOCK, *, report: Report = no_report) -> Export:
    """Return what is installed as the text of a lock, in the format of `file_name`.

    Raises `InvalidRequest` for an unknown format.
    """
    if file_name not in LOCK_FORMATS:
        raise InvalidRequest("format", file_name, f"give {' or '.join(LOCK_FORMATS)}")
    lock = make_lock(backend, with_addresses=file_name == PYLOCK, report=report)
    if file_name == PYLOCK:
        lock = _for_pylock(lock)
        notes = (*missing_notes(lock), *_unhashable_notes(lock))
        return Export(file_name=file_name, text=write_pylock(lock), notes=notes)
    notes = (*missing_notes(lock), *unhashed_notes(lock, "so a comment in the file"))
    return Export(file_name=file_name, text=write_requirements(lock), notes=notes)


def make_lock(
    backend: Backend, *, with_addresses: bool = False, report: Report = no_report
) -> Lock:
    """Return the lock of what is installed; `with_addresses`, also the files of each release.

    A package that belongs to conda or to the system is `missing`, as is an unreadable one. The
    hashes are those of the index; those of a direct URL are in its own record (PEP 610).
    """
    installed = backend.environment.distributions()
    requested = {row.id for row in inventory.get_packages(backend) if row.requested}
    markers = _markers(backend, installed, requested)
    distributions = dependency_graph.readable_distributions(installed)
    from_index = [name for name, d in distributions.items() if d.origin is Origin.INDEX]
    releases = _releases(backend, from_index, distributions, report)
    packages, missing = [], {name: _why_missing(d) for name, d in installed.items() if _is_out(d)}
    for name, distribution in distributions.items():
        if name in missing:
            continue
        source = None
        if distribution.origin is not Origin.INDEX:
            source = backend.lock_sources.origin(distribution.path)
            if source is None:
                missing[name] = f"the source of {distribution.name} is not recorded"
                continue
        packages.append(
            LockedPackage(
                name=name,
                version=distribution.version,
                marker=markers.get(name, ""),
                hashes=_hashes(backend, releases.get(name)),
                source=source,
                requested=name in requested,
            )
        )
    lock = Lock(
        packages=tuple(packages),
        python=backend.environment.interpreter.version,
        missing=dict(sorted(missing.items())),
    )
    return _with_files(backend, lock, releases) if with_addresses else lock


def _is_out(distribution: Distribution | Unreadable) -> bool:
    return isinstance(distribution, Unreadable) or distribution.origin in (
        Origin.CONDA,
        Origin.SYSTEM,
    )


def _why_missing(distribution: Distribution | Unreadable) -> str:
    if isinstance(distribution, Unreadable):
        return f"its metadata cannot be read ({distribution.reason})"
    return ORIGIN_REASONS[distribution.origin].text


def _releases(
    backend: Backend,
    names: Sequence[NormalizedName],
    distributions: Mapping[NormalizedName, Distribution],
    report: Report,
) -> dict[NormalizedName, Release | str]:
    """Return the installed release of each project on the index, or why it is not known."""

    def stop_at(name: NormalizedName, release: Release) -> bool:
        return release.version <= distributions[name].version

    answers = backend.index.releases_of(IndexQuery(names, stop_at=stop_at), report)
    found: dict[NormalizedName, Release | str] = {}
    for name in names:
        answer = answers[name]
        if isinstance(answer, PkgwidgetsError):
            found[name] = answer.clause()
            continue
        version = distributions[name].version
        found[name] = next((r for r in answer if r.version == version), _NO_RELEASE)
    return found


def _hashes(backend: Backend, release: Release | str | None) -> tuple[str, ...]:
    """Return the hashes of all wheels of a release, compatible ones first."""
    if not isinstance(release, Release):
        return ()
    fitting = compatible_wheels(release, backend.environment.interpreter)
    wheels = (*fitting, *release.wheels)
    return tuple(dict.fromkeys(wheel.sha256 for wheel in wheels if wheel.sha256))


def _with_files(
    backend: Backend, lock: Lock, releases: Mapping[NormalizedName, Release | str]
) -> Lock:
    """Add the files of each release; a package whose files have no address is missing."""
    pins = {p.name: f"{p.name}=={p.version}" for p in lock.packages if p.hashes}
    files = backend.lock_sources.files(pins)
    packages, missing = [], dict(lock.missing)
    for package in lock.packages:
        if package.source is None and not files.get(package.name):
            missing[package.name] = f"{package.version}: {_why_without_file(package, releases)}"
        else:
            packages.append(replace(package, files=files.get(package.name, ())))
    return replace(lock, packages=tuple(packages), missing=dict(sorted(missing.items())))


def _why_without_file(
    package: LockedPackage, releases: Mapping[NormalizedName, Release | str]
) -> str:
    release = releases[package.name]
    if isinstance(release, str):
        return release
    if not release.wheels:
        return _NO_WHEEL
    return _NO_ADDRESS if package.hashes else _NO_HASH


def _for_pylock(lock: Lock) -> Lock:
    """Leave out what the format has no place for: an archive without a hash (PEP 751)."""
    missing: dict[str, str] = {
        package.name: f"{package.source.url} has no recorded hash"
        for package in lock.packages
        if package.source is not None and _lacks_required_fact(package.source)
    }
    packages = tuple(package for package in lock.packages if package.name not in missing)
    return replace(lock, packages=packages, missing={**lock.missing, **missing})


def _lacks_required_fact(source: LockedSource) -> bool:
    if source.kind == "vcs":
        return not (source.vcs and source.commit)
    return source.kind == "archive" and not source.sha256


def missing_notes(lock: Lock) -> tuple[str, ...]:
    """Return a sentence for each package that a lock lacks."""
    return tuple(f"{name} is left out: {why}" for name, why in lock.missing.items())


def _unhashable_notes(lock: Lock) -> tuple[str, ...]:
    """Name the packages for which pip refuses a whole lock, because they have no file to hash."""
    names = [p.name for p in lock.packages if p.source is not None and p.source.kind != "archive"]
    if not names:
        return ()
    return (f"{shorten_names(names)}: not a file with a hash, so uv takes the lock and pip not",)


def unhashed_notes(lock: Lock, effect: str) -> tuple[str, ...]:
    """Return a sentence that names the packages without a hash, and the effect; () without any."""
    names = [package.name for package in lock.packages if not hashes_of(package)]
    if not names:
        return ()
    return (f"{shorten_names(names)}: without a hash, {effect}",)


def _markers(
    backend: Backend, installed: dependency_graph.Installed, requested: Iterable[NormalizedName]
) -> dict[NormalizedName, str]:
    """Return the markers of the packages that are needed in some environments only.

    That is known of a package that the user did not request, and that others require only with a
    marker. A marker that names an extra says nothing about the environment.
    """
    interpreter = backend.environment.interpreter
    required = dependency_graph.active_requirements(installed, interpreter.markers)
    found: dict[NormalizedName, list[Marker | None]] = {}
    for requirements in required.values():
        for requirement in requirements:
            name = canonicalize_name(requirement.name)
            found.setdefault(name, []).append(requirement.marker)
    needed = set(requested)
    markers = {}
    for name, marks in found.items():
        texts = tuple(dict.fromkeys(str(marker) for marker in marks if marker is not None))
        is_everywhere = None in marks or name in needed or any("extra" in text for text in texts)
        if texts and not is_everywhere and len(texts) <= _MAX_MARKERS:
            markers[name] = " or ".join(f"({text})" if len(texts) > 1 else text for text in texts)
    return markers
