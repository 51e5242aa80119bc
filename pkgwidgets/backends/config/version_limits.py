"""Read what uv's and pip's configuration allows: constraints, overrides, excludes, pre-releases.

uv ignores its variables UV_EXCLUDE_NEWER_PACKAGE, UV_PRERELEASE_PACKAGE, UV_NO_BINARY and
UV_NO_BINARY_PACKAGE in its `pip` commands; so do we.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from pkgwidgets.core.errors import IndexUnavailable
from pkgwidgets.core.limits import ALL, DeclaredMetadata, Limit, Limits
from pkgwidgets.core.redaction import redact

from . import pip_config, requirement_files, uploaded_prior_to, uv_config, uv_files
from .uv_files import ConfigFile

_NONE = ":none:"


def configured_limits(
    prefix: Path, folder: Path | None = None, *, has_explicit_index: bool = False
) -> Limits:
    """Return the limits that hold in a folder for the environment at `prefix`.

    Those of pip count where its configuration decides about the index, too.
    """
    limits = _uv_limits(folder)
    if uv_config.has_configured_indexes(folder) and not has_explicit_index:
        return limits
    try:
        options = pip_config.pip_options(prefix)
    except IndexUnavailable as error:
        return replace(limits, problem=limits.problem or error.sentence())
    return _add_pip_limits(limits, options, uv_files.working_folder(folder))


def _uv_limits(folder: Path | None) -> Limits:
    files = uv_files.config_files(folder)
    settings = uv_files.merge_settings(files)
    here = uv_files.working_folder(folder)
    resolution = _Scalar.of("UV_RESOLUTION", "resolution", files)
    modes = settings.get("prerelease-package")
    prerelease = os.environ.get("UV_PRERELEASE") or str(settings.get("prerelease") or "")
    constraints, overrides, excludes = (
        _FileLimits.read(variable, os.environ.get(variable, "").split(), here, f"{variable}={{}}")
        for variable in ("UV_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE")
    )
    return Limits(
        constraints=(*_listed(files, "constraint-dependencies", here), *constraints.limits),
        overrides=(*_listed(files, "override-dependencies", here), *overrides.limits),
        excludes=(*_listed(files, "exclude-dependencies", here), *excludes.limits),
        sources_only=tuple(
            Limit(requirement=name, setting=f"{setting} = {name} in {_label(file, here)}")
            for setting, file, name in _sources_only(files)
        ),
        prereleases=(
            *((("", prerelease),) if prerelease else ()),
            *((str(k), str(v)) for k, v in (modes.items() if isinstance(modes, dict) else ())),
        ),
        resolution=resolution.value,
        resolution_setting=resolution.setting(here),
        metadata=tuple(_declared_metadata(files)),
        remote_files=(*constraints.remote, *overrides.remote, *excludes.remote),
        problem=constraints.problem or overrides.problem or excludes.problem,
        cutoffs=tuple(_cutoffs(files, here)),
    )


def _cutoffs(files: Sequence[ConfigFile], here: Path) -> Iterator[Limit]:
    cutoff = _Scalar.of("UV_EXCLUDE_NEWER", "exclude-newer", files)
    if cutoff.value:
        yield Limit(requirement=f" {cutoff.value}", setting=cutoff.setting(here))
    for file in files:
        table = file.settings.get("exclude-newer-package")
        for name, value in table.items() if isinstance(table, dict) else ():
            text = "any" if value is False else str(value)
            setting = f"exclude-newer-package in {_label(file, here)}"
            yield Limit(requirement=f"{name} {text}", setting=setting)


class _Scalar:
    """The value of a setting that has one value, and where it is set."""

    def __init__(self, value: str, variable: str, name: str, file: ConfigFile | None) -> None:
        self.value = value
        self._variable = variable
        self._name = name
        self._file = file

    @classmethod
    def of(cls, variable: str, name: str, files: Sequence[ConfigFile]) -> _Scalar:
        """Read a variable, else the `[pip]` tables, else the other tables."""
        if os.environ.get(variable):
            return cls(os.environ[variable], variable, name, None)
        tables = [(uv_files.pip_table(file), file) for file in files]
        tables += [(file.settings, file) for file in files]
        for table, file in tables:
            if table.get(name):
                return cls(str(table[name]), variable, name, file)
        return cls("", variable, name, None)

    def setting(self, here: Path) -> str:
        """Name the setting for the user."""
        if self._file is None:
            return f"{self._variable}={self.value}"
        return f"{self._name} = {self.value} in {_label(self._file, here)}"


def _listed(files: Sequence[ConfigFile], name: str, here: Path) -> Iterator[Limit]:
    """Yield the limits of a list; an entry is a requirement, or a table with a scope."""
    for file in files:
        entries = file.settings.get(name)
        setting = f"{name} in {_label(file, here)}"
        for value in _list_of(entries):
            yield from _entry_limits(value, setting)


def _entry_limits(entry: object, setting: str) -> Iterator[Limit]:
    if isinstance(entry, str):
        yield Limit(requirement=entry, setting=setting)
    elif isinstance(entry, dict):
        package, dependencies = entry.get("package"), entry.get("dependencies")
        if isinstance(package, dict) and isinstance(dependencies, list):
            for dependency in dependencies:
                yield Limit(
                    requirement=str(dependency),
                    setting=setting,
                    package=str(package.get("name", "")),
                    version=str(package.get("version", "")),
                )


def _sources_only(files: Sequence[ConfigFile]) -> Iterator[tuple[str, ConfigFile, str]]:
    for file in files:
        names = uv_files.pip_table(file).get("no-binary")
        yield from (("no-binary", file, str(name)) for name in _list_of(names) if name != _NONE)
        if file.settings.get("no-binary") is True:
            yield "no-binary", file, ALL
        names = file.settings.get("no-binary-package")
        yield from (("no-binary-package", file, str(name)) for name in _list_of(names))


def _list_of(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _declared_metadata(files: Sequence[ConfigFile]) -> Iterator[DeclaredMetadata]:
    for _, entry in uv_files.lists(files, "dependency-metadata"):
        if isinstance(entry, dict):
            yield DeclaredMetadata(
                package=str(entry.get("name", "")),
                version=str(entry.get("version", "")),
                requires=tuple(map(str, _list_of(entry.get("requires-dist")))),
            )


def _add_pip_limits(limits: Limits, options: Mapping[str, str], here: Path) -> Limits:
    """Add pip's limits; uv's modes count where both are set."""
    files = _FileLimits.read(
        "UV_CONSTRAINT", options.get("constraint", "").split(), here, "pip's constraint {}"
    )
    modes = [("", "allow")] if options.get("pre", "").lower() in uv_files.TRUE else []
    for option, mode in (("all-releases", "allow"), ("only-final", "disallow")):
        modes += [("" if name == ALL else name, mode) for name in _names(options.get(option, ""))]
    binary = {canonicalize_name(name) for name in _names(options.get("only-binary", ""))}
    sources_only = tuple(
        Limit(requirement=name, setting=f"pip's no-binary {name}")
        for name in _names(options.get("no-binary", ""))
        if canonicalize_name(name) not in binary
    )
    known = {name for name, _ in limits.prereleases}
    cutoff = options.get(uploaded_prior_to.OPTION, "")
    cutoffs = [Limit(requirement=f" {cutoff}", setting=f"pip's uploaded-prior-to {cutoff}")]
    return replace(
        limits,
        constraints=(*limits.constraints, *files.limits),
        remote_files=(*limits.remote_files, *files.remote),
        problem=limits.problem or files.problem,
        sources_only=(*limits.sources_only, *sources_only),
        prereleases=(*limits.prereleases, *(row for row in modes if row[0] not in known)),
        cutoffs=(*limits.cutoffs, *(cutoffs if cutoff else ())),
    )


def _names(text: str) -> list[str]:
    names: list[str] = []
    for name in text.replace(",", " ").split():
        names = [] if name == _NONE else [*names, name]
    return names


@dataclass(frozen=True, slots=True)
class _FileLimits:
    """The lines of files, those that only uv can read, and why a file cannot be read."""

    limits: tuple[Limit, ...] = ()
    remote: tuple[tuple[str, str], ...] = ()
    problem: str = ""

    @classmethod
    def read(cls, variable: str, addresses: Iterable[str], here: Path, label: str) -> _FileLimits:
        """Read files; `variable` is the one that names remote files to uv."""
        read = cls()
        for address in addresses:
            setting = redact(label.format(address))
            try:
                lines = (
                    [address]
                    if requirement_files.is_remote(address)
                    else list(requirement_files.requirement_lines(address, here))
                )
            except (OSError, ValueError) as error:
                return cls(problem=f"{setting} cannot be read ({type(error).__name__})")
            remote = [line for line in lines if requirement_files.is_remote(line)]
            local = [line for line in lines if line not in remote]
            read = cls(
                (*read.limits, *(Limit(requirement=line, setting=setting) for line in local)),
                (*read.remote, *((variable, url) for url in remote)),
            )
        return read


def _label(file: ConfigFile, here: Path) -> str:
    """Return the name of a project's file, and the path of any other."""
    return file.path.name if here.is_relative_to(file.folder) else str(file.path)
