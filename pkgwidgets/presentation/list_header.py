"""The header of the panel's list: the environment, and notices about it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from pkgwidgets.core.copies import EnvironmentCopy
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.text import capitalize_first
from pkgwidgets.core.transactions import UNCHANGED_OUTCOMES, Transaction

from .copy_payload import mark_fields


def environment_text(version: str, prefix: Path, count: int | None) -> str:
    """Return the Python version, the environment's name and its number of packages, as a text.

    The number is None while a change is under way.
    """
    installed = "" if count is None else f" · {count} installed"
    return f"Python {version} · {prefix.name}{installed}"


def list_header(
    environment: str,
    refusal: str,
    notice: str = "",
    *,
    owner: str | None = None,
    writers: str | None = None,
    copy: EnvironmentCopy | None = None,
) -> dict[str, Any]:
    """Return the header of a list that is complete; `refusal` is why nothing may be changed.

    `owner` is another user who owns the environment. `writers` may change it, too, such as `the
    group staff`. `copy` is set if the environment is a copy.
    """
    shared = f"This environment belongs to {owner}; others may use it, too." if owner else ""
    if writers and not owner:
        shared = f"{capitalize_first(writers)} may change this environment, too."
    return {
        "title": "Packages",
        "where": environment,
        "busy": "",
        "changing": "",
        "refusal": f"This environment is read-only: {refusal}." if refusal else "",
        "shared": "" if refusal else shared,
        "copy": mark_fields(copy),
        "notice": notice,
    }


def recovery_notice(recovered: tuple[Transaction, ...]) -> str:
    """Return a notice about interrupted changes that this session rolled back, or ""."""
    rolled_back = [entry for entry in recovered if entry.outcome in UNCHANGED_OUTCOMES]
    if not rolled_back:
        return ""
    changes = "; ".join(", ".join(transaction.change_texts) for transaction in rolled_back)
    subject = "change" if len(rolled_back) == 1 else "changes"
    verb = "was" if len(rolled_back) == 1 else "were"
    return f"The interrupted {subject} ({changes}) {verb} rolled back."


def common_error(infos: tuple[PackageInfo, ...]) -> str:
    """Return the error that most rows share, or "": then the index fails, not each package."""
    reasons = Counter(info.error for info in infos if info.error)
    error, count = next(iter(reasons.most_common(1)), ("", 0))
    return f"{error}" if count > 1 and 2 * count > len(infos) else ""
