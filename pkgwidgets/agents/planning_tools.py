"""Tools that plan: what would change, what that means for a notebook and for the kernels."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pkgwidgets.analysis.api_changes import Impact
from pkgwidgets.analysis.rehearsal_backend import RunLimits
from pkgwidgets.commands.plan_request import BackendPlanner, plan_for
from pkgwidgets.connect import rehearsal_backend
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.interfaces import Backend, Report
from pkgwidgets.core.plans import Change, Plan
from pkgwidgets.notebook import impact, notebook_code
from pkgwidgets.operations import rehearsal
from pkgwidgets.operations.snapshot import check_unchanged
from pkgwidgets.presentation.change_text import change_kind, change_reason
from pkgwidgets.presentation.hints import Face, held_back_text
from pkgwidgets.presentation.plan_payload import changes_summary
from pkgwidgets.presentation.rehearsal_summary import (
    changed_cells,
    output_excerpts,
    summarize,
)
from pkgwidgets.server import plan_body
from pkgwidgets.server.handlers.reads import get_transaction
from pkgwidgets.server.threads import run_in_thread

from .answers import bounded, page, quoted, version_text
from .errors import NotAllowed
from .kept_plans import KeptPlans
from .session import (
    Answer,
    ask_user,
    backend_of,
    checked_offset,
    context,
    notebook_path,
    run,
    tool,
)

PLANS = KeptPlans()
"""The plans that the agents of this server made."""
_MAX_SECONDS = 3600.0
"""Seconds of one run of a notebook, at most."""
_VERDICTS = {True: "needed", False: "not needed", None: "perhaps needed"}


@tool
async def packages_plan(
    kernel: str,
    upgrade: list[str] | str | None = None,
    install: list[str] | str | None = None,
    uninstall: list[str] | None = None,
    fix: list[str] | str | None = None,
    restore: dict[str, str | bool] | None = None,
    version: str | None = None,
    step: str | None = None,
    allow: str | None = None,
) -> Answer:
    """Plan a change of a kernel's packages. Nothing is changed.

    Give exactly one of these arguments:

    - `upgrade`: names, or "all"
    - `install`: requirements, such as "polars>=1"
    - `uninstall`: names
    - `fix`: names, or "all"; it plans the smallest steps out of known vulnerabilities
    - `restore`: {"text": …} with the text of a lock (pylock.toml or requirements.txt), or
      {"as_of": "2026-10-01"} for the releases of a day

    With `"exact": true` in `restore`, what the lock does not have is uninstalled.

    `version` is for the upgrade of one package. `step` ("patch", "minor", "major") is the largest
    step of an upgrade; by default there is no limit. `allow` says which other packages may change:
    those that the named ones require ("dependencies", the default), or any ("all").

    Answers the id of the plan and its size in words. The packages are in packages_read_plan, which
    must be called next; packages_restart tells which kernels must restart. A plan can be applied
    once, for an hour after it was made, while its environment has not changed. Takes seconds.
    """
    given: dict[str, Any] = {"upgrade": _names(upgrade), "install": install, "uninstall": uninstall}
    given = {**given, "fix": _names(fix), "restore": restore}
    if sum(value is not None for value in given.values()) != 1:
        reason = "give exactly one of upgrade, install, uninstall, fix and restore"
        raise InvalidRequest("arguments", None, reason)
    settings = {"version": version, "step": step, "allow": allow}
    fields = {key: value for key, value in {**given, **settings}.items() if value is not None}
    request = plan_body.plan_request(fields)
    backend = await backend_of(kernel)
    plan = await run(lambda report: plan_for(request, BackendPlanner(backend, report)))
    kept = PLANS.keep(plan, kernel, len(plan_rows(plan)))
    return {
        "plan": kept.id,
        "changes": len(plan.changes),
        "held_back": len(plan.held_back),
        "summary": changes_summary(plan.changes) if plan else "Nothing to change",
        "download_bytes": plan.download_size,
        "next_tool": "packages_read_plan" if plan else "packages_list",
    }


@tool
async def packages_read_plan(plan: str, offset: int = 0) -> Answer:
    """Read what a plan would change: the packages, those that it holds back, and warnings.

    Show it to the user, and read all pages: packages_apply refuses a plan with unread rows. `plan`
    is the id that packages_plan answered. Read-only, takes less than a second.
    """
    kept, start = PLANS.get(plan), checked_offset(offset)
    answer = page(plan_rows(kept.plan), start)
    kept.unread.difference_update(range(start, start + len(answer["rows"])))
    return {**answer, "unread": len(kept.unread)}


@tool
async def packages_impact(plan: str, notebook: str, offset: int = 0) -> Answer:
    """Tell which cells of a notebook use what a plan changes, and what would break, worst first.

    `notebook` is its path in JupyterLab. The code is read, not run; for certainty call
    packages_rehearse. Read-only; downloads the changed packages, which takes seconds to a minute.
    """
    kept, start = PLANS.get(plan), checked_offset(offset)
    path, backend = await notebook_path(notebook), await backend_of(kept.kernel)

    def compare(report: Report) -> Sequence[Impact]:
        impact.check_griffe()
        cells = notebook_code.notebook_cells(path)
        return impact.plan_impact(backend, kept.plan, cells, (), report)

    rows = await run(compare)
    return page(
        [
            {
                "cell": row.cell,
                "package": bounded(row.package),
                "name": bounded(row.name),
                "severity": row.severity.value,
                "finding": quoted(row.finding),
            }
            for row in rows
        ],
        start,
    )


@tool
async def packages_rehearse(plan: str, notebook: str, seconds: float = 600.0) -> Answer:
    """Run a notebook on the present and on the planned packages, and compare the outputs.

    `notebook` is its path in JupyterLab. Packages are not changed, and the notebook runs in a copy
    of its project. But its code runs with the user's permissions: the user is asked in JupyterLab
    and may refuse. It runs several times, because what differs without the plan, too, does not
    count. `seconds` is the limit of one run; its unfinished cells count as failed. `total` is the
    number of cells that differ, and the rows are the first of them, each with a `verdict`. `passed`
    says that none fails or differs.
    """
    kept = PLANS.get(plan)
    limits = RunLimits(seconds=_checked_seconds(seconds))
    path, backend = await notebook_path(notebook), await backend_of(kept.kernel)
    await _ask_to_run(path, notebook, kept.plan)
    found = await run(
        lambda report: rehearsal.rehearse(
            backend, rehearsal_backend(backend), kept.plan, [path], limits=limits, report=report
        )
    )
    rows = [
        {
            "cell": cell.number,
            "verdict": cell.verdict.value,
            "before": quoted(output_excerpts(cell)[0], 100),
            "after": quoted(output_excerpts(cell)[1], 100),
        }
        for cell in changed_cells(found)
    ]
    shown = page(rows)
    shown.pop("next_offset", None)  # a rehearsal is not kept: the first cells must do
    return {"passed": found.passed, "summary": quoted(summarize(found).text), **shown}


@tool
async def packages_restart(
    kernel: str, plan: str = "", transaction: str = "", offset: int = 0
) -> Answer:
    """Tell which kernels must restart to use what a plan or a past change installs.

    Give the id of a `plan`, or of a `transaction` as packages_apply answers it; without both it is
    the last change. A kernel that has loaded an old version goes on with it until it restarts.
    Read-only, takes a second: nothing is restarted. The restart is the user's to do.
    """
    backend, start = await backend_of(kernel), checked_offset(offset)
    if plan:
        kept = PLANS.get(plan)
        if kept.kernel != kernel:
            raise InvalidRequest("kernel", kernel, f"the plan is for the kernel {kept.kernel}")
        return page(await _kernel_rows(backend, kept.plan), start)
    last = transaction or await run_in_thread(backend.journal.newest_id)
    if not last:
        return page(())
    done = await run_in_thread(partial(get_transaction, backend, last))
    return page(await _kernel_rows(backend, done.plan), start)


def plan_rows(plan: Plan) -> Sequence[Mapping[str, Any]]:
    """Return all that a plan says, a row each: warnings, changes, what it holds back."""
    warnings = [{"warning": quoted(text)} for text in plan.warnings]
    held_back = [
        {
            "held_back": bounded(held.name),
            "version": bounded(str(held.kept_version)),
            "latest": bounded(str(held.latest or "")),
            "reason": quoted(held_back_text(held, Face.AGENT)),
        }
        for held in plan.held_back
    ]
    return [*warnings, *map(_change_row, plan.changes), *held_back]


def change_lines(plan: Plan) -> list[str]:
    """Return all that a plan changes, and where, as lines for the user; removals come first."""
    ordered = sorted(plan.changes, key=lambda change: (change.after is not None, change.name))
    lines = [
        f"{change_kind(change)} {bounded(change.name)}: "
        f"{version_text(change.before)} → {version_text(change.after)}"
        for change in ordered
    ]
    warnings = [bounded(text, 500) for text in plan.warnings]
    return [*lines, *warnings, f"In the environment of {bounded(str(plan.python), 500)}"]


async def checked_unchanged(backend: Backend, plan_id: str, plan: Plan) -> None:
    """Raise `StalePlan`, and forget the plan, if the environment has changed since."""
    try:
        await run_in_thread(partial(check_unchanged, backend, plan))
    except BaseException:
        PLANS.drop(plan_id)
        raise


async def _kernel_rows(backend: Backend, plan: Plan) -> list[dict[str, Any]]:
    kernels = await context().environments.affected_kernels(backend, plan)
    return [
        {
            "kernel": kernel.id or "",
            "name": bounded(kernel.name),
            "notebook": bounded(kernel.notebook or "", 300),
            "restart": _VERDICTS[kernel.verdict.needed],
            "reason": quoted(kernel.verdict.reason),
        }
        for kernel in kernels
    ]


async def _ask_to_run(path: Path, notebook: str, plan: Plan) -> None:
    """Ask whether a notebook may run on the planned packages; raises `NotAllowed`.

    That is also raised if the notebook was changed while the user read the question.
    """
    before = await run_in_thread(partial(_file_hash, path))
    title = f"Run {bounded(notebook, 200)} several times, now and with these packages?"
    await ask_user(title, change_lines(plan), "Run")
    if await run_in_thread(partial(_file_hash, path)) != before:
        raise NotAllowed("The notebook was changed while the user was asked")


def _file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _names(value: list[str] | str | None) -> list[str] | str | None:
    """Return names as REST takes them: "all", or a list."""
    return [value] if isinstance(value, str) and value != "all" else value


def _checked_seconds(seconds: float) -> float:
    if not 1 <= seconds <= _MAX_SECONDS:
        raise InvalidRequest("seconds", seconds, f"give a number from 1 to {_MAX_SECONDS:.0f}")
    return float(seconds)


def _change_row(change: Change) -> Mapping[str, Any]:
    return {
        "change": change_kind(change),
        "name": bounded(change.name),
        "before": bounded(str(change.before or "")),
        "after": bounded(str(change.after or "")),
        "reason": quoted(change_reason(change)),
        "size": change.size,
    }
