"""The result of an audit: the known vulnerabilities of what is installed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from packaging.utils import NormalizedName
from packaging.version import Version

from .advisories import SEVERITIES, Effect


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditRow:
    """A vulnerability of one installed package, or why nothing is known about the package.

    `safe_version` is the smallest eligible release above the installed one that no known advisory
    affects. No installed package and no setting forbids it. It is None if there is no such release.
    `blocked_by` says what forbids the smallest release that no advisory affects.
    """

    id: NormalizedName
    name: str
    version: Version | None
    """None if the metadata of the installed package cannot be read."""
    advisory: str | None = None
    aliases: tuple[str, ...] = ()
    severity: str = ""
    summary: str = ""
    links: tuple[str, ...] = ()
    effect: Effect = Effect.UNKNOWN
    fixed_in: Version | None = None
    safe_version: Version | None = None
    blocked_by: str = ""
    source: str = ""
    as_of: datetime | None = None
    error: str = ""
    """Why something is unknown."""

    @property
    def is_finding(self) -> bool:
        """Whether an advisory affects the installed version."""
        return self.effect is Effect.AFFECTED


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """The rows of an audit, the worst first; `checked` counts the packages."""

    rows: tuple[AuditRow, ...]
    checked: int

    @property
    def findings(self) -> tuple[AuditRow, ...]:
        """The rows whose advisory affects the installed version."""
        return tuple(row for row in self.rows if row.is_finding)

    @property
    def unknown(self) -> tuple[AuditRow, ...]:
        """The rows about which something is unknown."""
        return tuple(row for row in self.rows if not row.is_finding)

    def __str__(self) -> str:
        packages = len({row.id for row in self.findings})
        parts = [
            f"{len(self.findings)} known vulnerabilities of {packages} packages"
            if self.findings
            else f"No known vulnerability of {self.checked} packages"
        ]
        if self.unknown:
            parts.append(f"{len({row.id for row in self.unknown})} packages are not known")
        return "; ".join(parts)


def row_order(row: AuditRow) -> tuple[bool, int, str, str]:
    """Return the key that sorts findings first, the worst severity first, then by name."""
    return not row.is_finding, SEVERITIES.index(row.severity), row.id, row.advisory or ""
