"""What the configuration of uv or pip allows: constraints, overrides, excludes, pre-releases.

Source: https://docs.astral.sh/uv/concepts/resolution/ and https://pip.pypa.io/en/stable/user_guide/.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from .dependency_graph import ActiveRequirements, parse_requirement
from .environment import Distribution

ALL = ":all:"
"""uv's and pip's name for all projects."""
_EXTRA = re.compile(r"extra\s*==\s*[\"']([A-Za-z0-9._-]+)[\"']")
_Markers = Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """One line of a setting, such as `numpy<2`, and the setting for the user to find.

    A scoped one applies only to what `package` requires, of any `version` or of one.
    """

    requirement: str
    setting: str
    package: str = ""
    version: str = ""

    def applies_to(self, name: NormalizedName, version: Version) -> bool:
        """Tell whether it applies to the requirements of a distribution."""
        return not self.package or _is_release(self.package, self.version, name, version)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredMetadata:
    """The requirements that the configuration declares for a project, of any version or of one."""

    package: str
    version: str = ""
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """All settings that limit versions.

    `constraints` limit what is installed. `overrides` replace every requirement on their project,
    and `excludes` remove it. `sources_only` names projects whose wheels must not be used.
    `prereleases` pairs projects ("" for all others) with uv's mode. `resolution` is uv's mode; its
    setting is in `resolution_setting`. `remote_files` pairs variables of uv with URLs that only uv
    reads. `problem` says what could not be read: then no plan can be made.
    """

    constraints: tuple[Limit, ...] = ()
    overrides: tuple[Limit, ...] = ()
    excludes: tuple[Limit, ...] = ()
    sources_only: tuple[Limit, ...] = ()
    prereleases: tuple[tuple[str, str], ...] = ()
    resolution: str = ""
    resolution_setting: str = ""
    metadata: tuple[DeclaredMetadata, ...] = ()
    remote_files: tuple[tuple[str, str], ...] = ()
    problem: str = ""
    cutoffs: tuple[Limit, ...] = ()
    """The upload times after which releases do not count: uv's `exclude-newer`, and that of pip.

    The requirement is the name of a project, or "" for all, then a space and the value.
    """

    @property
    def prefers_lowest(self) -> bool:
        """Whether the oldest releases are chosen, so that no plan upgrades."""
        return self.resolution.startswith("lowest")

    def requires_of(self, distribution: Distribution) -> tuple[str, ...]:
        """Return the requirements of a distribution as the resolver sees them."""
        requires = distribution.requires
        for declared in self.metadata:
            if _is_release(
                declared.package, declared.version, distribution.id, distribution.version
            ):
                requires = declared.requires
        if not self.overrides and not self.excludes:
            return requires
        rewritten = [text for line in requires for text in self._rewrite(line, distribution)]
        return (*rewritten, *self._added(requires, distribution))

    def _added(self, requires: Sequence[str], distribution: Distribution) -> Iterator[str]:
        """Yield the scoped overrides that replace nothing: uv adds them to the requirements."""
        parsed = filter(None, map(parse_requirement, requires))
        known = {canonicalize_name(requirement.name) for requirement in parsed}
        for limit in self.overrides:
            applies = limit.package and limit.applies_to(distribution.id, distribution.version)
            if applies and _target(limit) not in known:
                yield limit.requirement

    def _rewrite(self, line: str, distribution: Distribution) -> Sequence[str]:
        requirement = parse_requirement(line)
        if requirement is None:
            return (line,)
        applying = [
            limit
            for limit in (*self.excludes, *self.overrides)
            if _target(limit) == canonicalize_name(requirement.name)
            and limit.applies_to(distribution.id, distribution.version)
        ]
        if not applying:
            return (line,)
        if any(limit in self.excludes for limit in applying):
            return ()
        extra = _EXTRA.search(str(requirement.marker or ""))
        scoped = [limit for limit in applying if limit.package]
        return [_with_extra(limit.requirement, extra) for limit in scoped or applying]

    def counts(self, name: NormalizedName, version: Version, installed: Version | None) -> bool:
        """Tell whether a version may count as latest.

        A pre-release counts only if one is installed, or if the configuration allows all.
        """
        if not version.is_prerelease:
            return True
        modes = {canonicalize_name(project): mode for project, mode in self.prereleases}
        mode = modes.get(name, modes.get(canonicalize_name(""), ""))
        if mode in ("allow", "disallow"):
            return mode == "allow"
        return installed is not None and installed.is_prerelease

    def without_fallback(self, versions: Mapping[NormalizedName, Version]) -> Limits:
        """Return limits with which the resolver takes no pre-release that is not allowed.

        uv falls back to one where no final release solves a requirement. That stays so if the
        configuration has a mode for all projects. An installed pre-release may be followed.
        """
        if any(project == "" for project, _ in self.prereleases):
            return self
        known = {canonicalize_name(project) for project, _ in self.prereleases}
        followed = [
            (name, "allow")
            for name, version in versions.items()
            if version.is_prerelease and name not in known
        ]
        return replace(self, prereleases=(("", "explicit"), *self.prereleases, *followed))

    def keeping(
        self,
        versions: Mapping[NormalizedName, Version],
        markers: _Markers,
        free: Collection[NormalizedName] = (),
    ) -> Limits:
        """Return limits that installed versions meet: those that forbid one name it instead.

        So a version that is installed against a constraint is kept, and prevents no plan. `free`
        are projects whose version was requested.
        """

        def kept(limits: Iterable[Limit]) -> tuple[Limit, ...]:
            return tuple(
                replace(limit, requirement=f"{_target(limit)}=={versions[_target(limit)]}")
                if not limit.package
                and _target(limit) not in free
                and _is_violated(limit, versions, markers)
                else limit
                for limit in limits
            )

        return replace(self, constraints=kept(self.constraints), overrides=kept(self.overrides))

    def replaced(self, names: Iterable[NormalizedName]) -> tuple[NormalizedName, ...]:
        """Return the projects on which an override replaces the requirements of requests, too."""
        overridden = {_target(limit) for limit in self.overrides if not limit.package}
        return tuple(name for name in names if name in overridden)

    def by_setting(
        self, versions: Mapping[NormalizedName, Version], markers: _Markers
    ) -> ActiveRequirements:
        """Return the limits of installed projects by setting, as if the settings were packages."""
        requirements: dict[NormalizedName, tuple[Requirement, ...]] = {}
        for limit in (*self.constraints, *self.overrides, *self._frozen(versions)):
            requirement = _parse(limit)
            if requirement is None or limit.package or not _applies(requirement, markers):
                continue
            setting = NormalizedName(limit.setting)
            requirements[setting] = (*requirements.get(setting, ()), requirement)
        return requirements

    def _frozen(self, versions: Mapping[NormalizedName, Version]) -> Iterator[Limit]:
        """Yield a limit for each project that the configuration keeps at its version."""
        for limit in self.sources_only:
            names = [*versions] if limit.requirement == ALL else [_target(limit)]
            yield from (
                _cap(name, versions[name], limit.setting) for name in names if name in versions
            )
        if self.prefers_lowest:
            yield from (
                _cap(name, version, self.resolution_setting) for name, version in versions.items()
            )


NO_LIMITS = Limits()


def without_repeats(
    blockers: Mapping[NormalizedName, str], settings: Collection[NormalizedName]
) -> dict[NormalizedName, str]:
    """Leave out the packages whose requirement is the one that a setting gave them."""
    of_settings = {text for owner, text in blockers.items() if owner in settings}
    return {
        owner: text
        for owner, text in blockers.items()
        if owner in settings or text not in of_settings
    }


def _is_release(package: str, only: str, name: NormalizedName, version: Version) -> bool:
    if canonicalize_name(package) != name:
        return False
    try:
        return not only or Version(only) == version
    except InvalidVersion:
        return False


def _parse(limit: Limit) -> Requirement | None:
    return parse_requirement(limit.requirement)


def _target(limit: Limit) -> NormalizedName:
    """Return the project of a limit, or the text of one that cannot be parsed."""
    requirement = _parse(limit)
    return canonicalize_name(limit.requirement if requirement is None else requirement.name)


def _applies(requirement: Requirement, markers: _Markers) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**markers, "extra": ""})


def _is_violated(
    limit: Limit, versions: Mapping[NormalizedName, Version], markers: _Markers
) -> bool:
    """Tell whether an installed version is not the one that a limit allows; a URL allows none."""
    requirement, version = _parse(limit), versions.get(_target(limit))
    if requirement is None or version is None or not _applies(requirement, markers):
        return False
    return requirement.url is not None or not requirement.specifier.contains(
        version, prereleases=True
    )


def _with_extra(line: str, extra: re.Match[str] | None) -> str:
    """Let an override of an optional requirement apply to the same extra only."""
    if extra is None:
        return line
    requirement, _, marker = line.partition(";")
    condition = f"extra == '{extra[1]}'"
    return f"{requirement}; {f'({marker}) and ' if marker.strip() else ''}{condition}"


def _cap(name: NormalizedName, version: Version, setting: str) -> Limit:
    return Limit(requirement=f"{name}<={version.public}", setting=setting)
