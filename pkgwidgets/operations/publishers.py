"""Compare the publishers of installed and new releases, as the index says (PEP 740)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core.environment import Distribution
from pkgwidgets.core.errors import PackageNotFound, PkgwidgetsError
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import Backend, ProjectResult, Report, no_report
from pkgwidgets.core.names import checked_name
from pkgwidgets.core.plans import Change
from pkgwidgets.core.provenance import (
    Publisher,
    PublisherComparison,
    PublisherResult,
    PublisherVerdict,
    compare,
    unknown_text,
)
from pkgwidgets.core.releases import Release

from . import inventory
from .snapshot import ProjectResults

_NOBODY = frozenset[Publisher]()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pair:
    """Two releases of one project, and the address of the provenance of a file of each.

    An address is "" if the index has no attestations; `problem` says why they are not known.
    """

    id: NormalizedName
    name: str
    before: Version
    after: Version
    before_address: str = ""
    after_address: str = ""
    problem: str = ""

    def judge(self, answers: Mapping[str, PublisherResult]) -> PublisherComparison:
        """Compare the publishers that the index names."""
        before = answers.get(self.before_address, _NOBODY)
        after = answers.get(self.after_address, _NOBODY)
        reason = self.problem
        if reason:
            verdict = PublisherVerdict.UNKNOWN
        elif self.before_address and not self.after_address:
            verdict = PublisherVerdict.NO_LONGER_ATTESTED
        elif not self.after_address:
            verdict = PublisherVerdict.NOT_ATTESTED
        else:
            verdict = _verdict(before, after, self.before_address)
        if verdict is PublisherVerdict.UNKNOWN and not reason:
            reasons = (text for text in (before, after) if isinstance(text, str))
            reason = next(reasons, "the index did not answer")
        return PublisherComparison(
            id=self.id,
            name=self.name,
            before=self.before,
            after=self.after,
            verdict=verdict,
            publishers_before=_texts(before),
            publishers_after=_texts(after),
            reason=reason,
        )


def _verdict(
    before: PublisherResult, after: PublisherResult, before_address: str
) -> PublisherVerdict:
    if not before_address and not isinstance(after, str):
        return PublisherVerdict.NEWLY_ATTESTED
    if not before or not after or isinstance(before, str) or isinstance(after, str):
        return PublisherVerdict.UNKNOWN
    return compare(before, after)


def _texts(publishers: PublisherResult) -> tuple[str, ...]:
    return () if isinstance(publishers, str) else tuple(sorted(map(str, publishers)))


def publisher_notes(
    backend: Backend, changes: Sequence[Change], answers: ProjectResults
) -> tuple[str, ...]:
    """Return what a plan should say: publishers that changed or are unknown, lost attestations.

    Only upgrades count: a downgrade trusts no new publisher. The index answers
    with the provenance of one file of the installed and of the new release. Only where it lists
    attestations of both is it asked.
    """
    changed = [
        (change, change.before, change.after)
        for change in changes
        if change.before is not None and change.after is not None and change.before < change.after
    ]
    others = [change.id for change, _, _ in changed if change.id not in answers]
    if others:  # dependencies: the answers for their files are cached
        answers = {**answers, **backend.index.releases_of(IndexQuery(others))}
    pairs = [
        _pair(change.id, change.name, before, after, answers[change.id], change.wheel)
        for change, before, after in changed
    ]
    asked = [pair for pair in pairs if pair.before_address and pair.after_address]
    addresses = [a for pair in asked for a in (pair.before_address, pair.after_address)]
    publishers = backend.provenance.publishers_of(addresses) if addresses else {}
    comparisons = [pair.judge(publishers) for pair in pairs]
    unknown: dict[str, list[str]] = {}
    for comparison in comparisons:
        if comparison.verdict is PublisherVerdict.UNKNOWN:
            unknown.setdefault(comparison.reason, []).append(comparison.name)
    return (
        *(str(comparison) for comparison in comparisons if comparison.is_warning),
        *(unknown_text(names, reason) for reason, names in unknown.items()),
    )


def compare_publishers(
    backend: Backend, name: str, report: Report = no_report
) -> PublisherComparison:
    """Compare the publishers of the installed release and of the newest compatible one.

    If the index has no answer, the verdict is unknown. Raises `PackageNotFound`.
    """
    normalized_name = checked_name(name)
    info = inventory.check_for_updates(backend, normalized_name, report=report)[0]
    installed = backend.environment.distributions()[normalized_name]
    if not isinstance(installed, Distribution):
        raise PackageNotFound(normalized_name)
    answer = backend.index.releases_of(IndexQuery((normalized_name,)), report)[normalized_name]
    target = Version(info.compatible_version or info.version)
    after = max(target, installed.version)
    pair = _pair(normalized_name, installed.name, installed.version, after, answer)
    addresses = {pair.before_address, pair.after_address} - {""}
    return pair.judge(backend.provenance.publishers_of(sorted(addresses)) if addresses else {})


def _pair(
    name: NormalizedName,
    shown_name: str,
    before: Version,
    after: Version,
    answer: ProjectResult,
    wheel: str | None = None,
) -> _Pair:
    """Choose a file of each release: the planned wheel, and the installed one most like it."""
    if isinstance(answer, PkgwidgetsError):
        problem = answer.clause()
        return _Pair(id=name, name=shown_name, before=before, after=after, problem=problem)
    releases = {release.version: release for release in answer}
    new, old = releases.get(after), releases.get(Version(before.public))
    after_address, after_wheel = _choose(new, wheel)
    tag = after_wheel.split("-", 2)[-1] if after_wheel else ""
    before_address, _ = _choose(old, next(iter(_wheels_of_tag(old, tag)), None), fall_back=True)
    problem = ""
    if after_address and (old is None or not old.wheels):
        problem = f"the index has no wheel of {shown_name} {before}"
    elif before_address and not after_wheel:
        problem = f"the index has no wheel of {shown_name} {after}"
    return _Pair(
        id=name,
        name=shown_name,
        before=before,
        after=after,
        before_address=before_address,
        after_address=after_address,
        problem=problem,
    )


def _wheels_of_tag(release: Release | None, tag: str) -> list[str]:
    wheels = release.wheels if release is not None else ()
    return [wheel.filename for wheel in wheels if tag and wheel.filename.endswith(f"-{tag}")]


def _choose(
    release: Release | None, filename: str | None, *, fall_back: bool = False
) -> tuple[str, str]:
    """Return the address of the provenance of a file, and the file's name.

    Without a name, and if `fall_back`, any file with attestations will do.
    """
    wheels = release.wheels if release is not None else ()
    named = [wheel for wheel in wheels if wheel.filename == filename]
    attested = [wheel for wheel in wheels if wheel.provenance]
    if filename is None or (fall_back and not any(wheel.provenance for wheel in named)):
        named = attested or list(wheels)
    return (named[0].provenance, named[0].filename) if named else ("", "")
