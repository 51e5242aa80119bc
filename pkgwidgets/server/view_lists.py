"""What the panel's table, form and history show over REST."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from pkgwidgets.core.errors import NoAdvisorySource, PackageNotFound, PkgwidgetsError
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.text import short_hash
from pkgwidgets.core.transactions import Outcome
from pkgwidgets.core.typed_requirement import project_name, strip_command
from pkgwidgets.operations import (
    access,
    audit,
    copying,
    holds,
    inventory,
    planning,
    publishers,
    recovery,
    suggestions,
    summaries,
    undo,
    unlocking,
)
from pkgwidgets.operations import transactions as operations
from pkgwidgets.presentation.hints import Face, render
from pkgwidgets.presentation.history_payload import history_entries, log_text
from pkgwidgets.presentation.install_preview import install_preview as preview_text
from pkgwidgets.presentation.list_header import (
    common_error,
    environment_text,
    list_header,
    recovery_notice,
)
from pkgwidgets.presentation.offers import offers_payload
from pkgwidgets.presentation.request_titles import running_title
from pkgwidgets.presentation.row_actions import LABELS, version_options
from pkgwidgets.presentation.safety_marks import advisory_marks, advisory_notice, hold_marks
from pkgwidgets.presentation.table_rows import dependency_fields, detail, publisher_fields, row

from . import progress

_Fields = Mapping[str, Any]
MAX_SUGGESTIONS = 500
"""Names that the form offers before anything is typed."""
_MAX_TYPED_SUGGESTIONS = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class ListQuery:
    """Which rows a request names; `refresh` ignores cached answers of the index."""

    check: bool = False
    refresh: bool = False
    name: str | None = None


def package_list(backend: Backend, query: ListQuery) -> _Fields:
    """Return the rows and the header of the table; of one package only its row.

    An interrupted change is recovered first, as the panel in a kernel does. `place` names the
    environment without its number of packages, which is unknown while a change is under way.
    """
    if query.name is not None:
        infos = inventory.check_for_updates(backend, query.name, refresh=query.refresh)
        return {"rows": [row(info) for info in infos]}
    recovered = _recover(backend)
    if query.check:
        infos = inventory.check_for_updates(backend, refresh=query.refresh)
    else:
        infos = inventory.get_packages(backend)
    running, interpreter = running_change(backend), backend.environment.interpreter
    place = environment_text(interpreter.version, interpreter.prefix, None)
    counted = environment_text(interpreter.version, interpreter.prefix, len(infos))
    where = counted if running is None else place
    notice = common_error(infos) or recovery_notice(recovered)
    return {
        "header": {
            **list_header(
                where,
                access.read_only_reason(backend) or "",
                notice,
                owner=backend.environment.foreign_owner(),
                writers=backend.environment.other_writers(),
                copy=copying.find_own_copy(backend),
            ),
            "place": place,
        },
        "labels": LABELS,
        "rows": [row(info) for info in infos],
        **_holds(backend),
        "installed": _installed_digest(backend, infos),
        "running": running,
    }


def advisory_list(backend: Backend) -> _Fields:
    """Return the marks of advisories; without configured sources there is none.

    `notice` says of how many packages nothing is known, or why there is no audit.
    """
    try:
        audited = audit.audit(backend, backend.advisories().sources())
    except NoAdvisorySource:
        return {"advisories": {}, "notice": ""}
    except PkgwidgetsError as error:
        return {"advisories": {}, "notice": render(error, Face.PANEL)}
    return {"advisories": advisory_marks(audited), "notice": advisory_notice(audited)}


def _holds(backend: Backend) -> _Fields:
    """Return the marks of holds, or the notice that their file cannot be read."""
    try:
        return {"holds": hold_marks(holds.list_holds(backend)), "holds_notice": ""}
    except PkgwidgetsError as error:
        return {"holds": {}, "holds_notice": render(error, Face.PANEL)}


def environment_state(backend: Backend) -> _Fields:
    """Return what tells a page that others changed the environment; this writes nothing there.

    `installed` differs from that of a list after an installation. `committed` is the id of the last
    change that was committed, and `environment` differs for another one.
    """
    infos = inventory.get_packages(backend)
    return {
        "installed": _installed_digest(backend, infos),
        "running": running_change(backend),
        "committed": _last_committed(backend),
        "environment": short_hash(str(backend.environment.interpreter.prefix), 12),
    }


def _last_committed(backend: Backend) -> str:
    """Return the id of the last committed change; "" without one, or if it cannot be read."""
    if backend.environment.hidden_reason() is not None:
        return ""
    entries = reversed([*backend.journal.transactions()])
    return next((entry.id for entry in entries if entry.outcome is Outcome.COMMITTED), "")


def running_change(backend: Backend) -> _Fields | None:
    """Return the id and the title of the change that is being applied now; else None."""
    running = operations.running(backend)
    return None if running is None else {"id": running.id, "title": running_title(running)}


def row_detail(backend: Backend, name: str) -> _Fields:
    """Return the details of an open row, without the versions of its project."""
    info = inventory.get_package(backend, name)
    return {**detail(info), **dependency_fields(inventory.get_dependencies(backend, name))}


def project_versions(backend: Backend, typed: str) -> _Fields:
    """Return the versions of a project whose name was typed, and the installed one, or ""."""
    name = project_name(typed)
    releases = inventory.list_releases(backend, name)
    info = _find_checked(backend, name)
    versions = [asdict(option) for option in version_options(releases, info)]
    return {"installed": info.version if info is not None else "", "versions": versions}


def row_publisher(backend: Backend, name: str) -> _Fields:
    """Return what an open row says of the publishers of its releases."""
    return publisher_fields(publishers.compare_publishers(backend, name))


def install_preview(backend: Backend, typed: str) -> _Fields:
    """Return what a typed requirement is and would bring, as two lines; "" if unknown."""
    text = summary = ""
    with suppress(PkgwidgetsError):  # the plan tells the reason
        name = project_name(typed)
        if _find_checked(backend, name) is None:
            summary = summaries.find_summary(backend, name)
            text = preview_text(planning.plan_install(backend, strip_command(typed)))
    return {"brings": text, "summary": summary}


def list_suggestions(backend: Backend, typed: str = "") -> _Fields:
    """Return names that the form offers while typing; without a text, names seen before."""
    limit = _MAX_TYPED_SUGGESTIONS if typed.strip() else MAX_SUGGESTIONS
    return {"names": suggestions.suggest(backend, typed, limit=limit)}


def list_offers(backend: Backend) -> _Fields:
    """Return what a plan for everything would upgrade, and an upgrade that frees others."""
    plan = None
    with suppress(PkgwidgetsError):  # a click on the button tells the reason
        plan = planning.plan_upgrade(backend)
    return offers_payload(plan, unlocking.find_unlocks(backend)[:1])


def history_list(backend: Backend) -> _Fields:
    """Return the entries of the history, newest first; raises `EnvironmentRefused`."""
    access.check_history(backend)
    history = tuple(backend.journal.transactions())
    return {"entries": history_entries(history, undo.list_refusals(backend, history))}


def transaction_log(backend: Backend, transaction_id: str) -> _Fields:
    """Return the log of a transaction."""
    return {"log": log_text(progress.events(backend, transaction_id))}


def _installed_digest(backend: Backend, infos: Sequence[PackageInfo]) -> str:
    """Return a hash of the installed packages, and of the file with the holds."""
    try:
        policy = backend.policy.text()
    except PkgwidgetsError as error:
        policy = str(error)
    packages = (f"{info.id} {info.version} {info.status}" for info in infos)
    return short_hash("\n".join([*packages, policy]), 16)


def _recover(backend: Backend) -> Any:
    recovered: tuple[str, ...] = ()
    with suppress(PkgwidgetsError):  # listing still works; the next plan raises it
        recovered = recovery.recover_if_needed(backend)
    if not recovered:
        return ()
    return tuple(entry for entry in backend.journal.transactions() if entry.id in recovered)


def _find_checked(backend: Backend, name: str) -> PackageInfo | None:
    """Return the row of an installed package with its compatible version; else None."""
    with suppress(PackageNotFound):
        return inventory.check_for_updates(backend, name)[0]
    return None
