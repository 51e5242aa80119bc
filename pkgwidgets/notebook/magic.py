"""`%packages`: the verbs of the command line in a cell, with the results of the service."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any, cast

from IPython.core.completer import (
    CompletionContext,
    Matcher,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class

from pkgwidgets.commands import grammar, recovery
from pkgwidgets.commands.grammar import Request
from pkgwidgets.commands.plan_request import plan_for
from pkgwidgets.core.audit import Audit
from pkgwidgets.core.copies import EnvironmentCopy
from pkgwidgets.core.drift import Drift
from pkgwidgets.core.errors import InvalidRequest, PkgwidgetsError
from pkgwidgets.core.history import committed
from pkgwidgets.core.interfaces import no_report
from pkgwidgets.core.lock import Export
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.policy import ListedHold
from pkgwidgets.core.provenance import PublisherComparison
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.operations.skip_failing import apply_without_failing
from pkgwidgets.presentation import audit_text, payloads
from pkgwidgets.presentation.hints import Face, hint_text

from .completion import CompletionSources, completions
from .missing_modules import offer_project
from .service import PackageService

OpenPanel = Callable[[PackageService], object]
"""Makes the panel of a service; passed in, so that the magic does not import widgets."""

_MAGIC_LINE = re.compile(r"\s*(?:\S+\s*=\s*)?%packages(\s.*)", re.DOTALL)
"""A line with the magic; it may assign the answer to a variable."""
_COMPLETION_SECONDS = 2.0
"""Seconds that a completion waits for the index; a later answer is cached for the next one."""


def load(shell: InteractiveShell, open_panel: OpenPanel) -> None:
    """Register the magic and its completion in a shell; `open_panel` shows a service's panel."""
    magics = PackagesMagics(shell, open_panel)
    shell.register_magics(magics)
    shell.events.register("post_run_cell", offer_project)
    completer = shell.Completer
    if completer is not None:
        completer.custom_matchers.append(magics.matcher())


@magics_class
class PackagesMagics(Magics):
    """The magic of one shell. It keeps its services, because they know what was loaded before."""

    def __init__(self, shell: InteractiveShell, open_panel: OpenPanel) -> None:
        super().__init__(shell)
        self._open_panel = open_panel
        self._services: dict[tuple[str | None, str | None], PackageService] = {}

    @line_magic
    def packages(self, line: str) -> object:
        """List, plan, change and restore packages: `%packages --help` lists the commands.

        Returns what `PackageService` returns: DataFrames, plans, transactions or the panel. With
        `--json`, returns what REST answers, errors included. Changes are applied without asking
        for confirmation.
        """
        try:
            request = grammar.parse(_split_line(line), magic=True)
        except SystemExit:  # after help was printed
            return None
        except InvalidRequest as error:
            if "--json" not in line.split():
                raise error.with_hint(hint_text(error, Face.MAGIC)) from None
            return _error_json(error)
        try:
            answer = self._answer(request)
        except PkgwidgetsError as error:
            if not request.json:
                raise error.with_hint(hint_text(error, Face.MAGIC)) from None
            return _error_json(error)
        as_json = request.json and request.verb != "panel"
        return _as_json(request, answer) if as_json else _as_frame(request, answer)

    def complete(self, line: str) -> list[str]:
        """Return the completions of the last word of a line; none if a source fails."""
        with suppress(PkgwidgetsError):
            match = _MAGIC_LINE.match(line)
            return [] if match is None else list(completions(match[1], self._completion_sources()))
        return []

    def matcher(self) -> Matcher:
        """Return an IPython matcher over `complete` that suppresses Python completions here."""

        def matcher(context: CompletionContext) -> SimpleMatcherResult:
            words = self.complete(context.text_until_cursor)
            simple_completions = [SimpleCompletion(text, type="magic") for text in words]
            return {
                "completions": simple_completions,
                "ordered": True,
                "suppress": bool(simple_completions),
            }

        return cast(Matcher, context_matcher(identifier="pkgwidgets")(matcher))

    def _answer(self, request: Request) -> object:
        if request.verb == "recover":  # a new service would recover without reporting it
            return recovery.recover_environment(request.python)
        service = self._get_service(request.python, request.index_url)
        if request.verb == "panel":
            return self._open_panel(service)
        return _VERBS[request.verb](service, request)

    def _get_service(self, python: str | None, index_url: str | None) -> PackageService:
        key = python, index_url
        if key not in self._services:
            self._services[key] = PackageService(python, index_url=index_url)
        return self._services[key]

    def _completion_sources(self) -> CompletionSources:
        def names() -> Sequence[str]:
            rows = self._get_service(None, None).values.packages(report=no_report)
            return [row.name for row in rows]

        def transactions() -> Sequence[str]:
            history = committed(self._get_service(None, None).values.history())
            return [transaction.id for transaction in reversed(history)]

        return CompletionSources(names, self._find_versions, transactions)

    def _find_versions(self, name: str) -> Sequence[str]:
        """Return a project's versions, newest first; none if the index takes too long."""
        versions: list[str] = []
        service = self._get_service(None, None)

        def ask() -> None:
            with suppress(PkgwidgetsError):
                releases = service.list_releases(name, report=no_report)
                versions.extend(str(release.version) for release in releases if not release.yanked)

        thread = Thread(target=ask, name="pkgwidgets-completion", daemon=True)
        thread.start()
        thread.join(_COMPLETION_SECONDS)
        return tuple(versions)


def _split_line(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise InvalidRequest("line", line, f"{error}".lower()) from None


def _list_packages(service: PackageService, request: Request) -> tuple[PackageInfo, ...]:
    if not request.names:
        return service.values.packages()
    return tuple(service.get_package(name) for name in request.names)


def _list_updates(service: PackageService, request: Request) -> tuple[PackageInfo, ...]:
    if not request.names:
        return service.values.updates(refresh=request.refresh)
    return tuple(
        row for name in request.names for row in service.values.updates(name, request.refresh)
    )


def _make_plan(service: PackageService, request: Request) -> Plan:
    return plan_for(request.plan_request, service)


def _apply_plan(service: PackageService, request: Request) -> Transaction:
    plan = _make_plan(service, request)
    if not request.skip_failing:
        return service.apply(plan)
    return apply_without_failing(plan, partial(_make_plan, service, request), service.apply)


def _audit(service: PackageService, request: Request) -> Audit:
    if request.sources:
        service.use_advisories(*request.sources)
    return service.values.audit(request.names or None)


def _compare_publishers(service: PackageService, request: Request) -> PublisherComparison:
    return service.values.compare_publishers(request.names[0])


def _list_history(service: PackageService, request: Request) -> tuple[Transaction, ...]:
    return service.values.history()


def _hold(service: PackageService, request: Request) -> Transaction:
    (name,) = request.names
    return service.hold(name, request.versions, reason=request.reason, until=request.until)


def _unhold(service: PackageService, request: Request) -> Transaction:
    return service.unhold(request.names[0], request.versions)


def _list_holds(service: PackageService, request: Request) -> tuple[ListedHold, ...]:
    return service.values.holds()


def _export(service: PackageService, request: Request) -> Export:
    return service.export(*request.names)


def _drift(service: PackageService, request: Request) -> Drift:
    return service.values.drift(request.names[0])


def _copy(service: PackageService, request: Request) -> EnvironmentCopy:
    return service.copy_environment(request.names[0], request.for_python, request.only or None)


def _list_copies(service: PackageService, request: Request) -> tuple[EnvironmentCopy, ...]:
    return service.values.environments()


def _remove_copy(service: PackageService, request: Request) -> EnvironmentCopy:
    return service.remove_environment(request.names[0])


def _embed(service: PackageService, request: Request) -> tuple[str, ...]:
    return service.embed(request.names[0], script=request.script)


_VERBS: dict[str, Callable[[PackageService, Request], object]] = {
    "packages": _list_packages,
    "updates": _list_updates,
    "plan": _make_plan,
    "upgrade": _apply_plan,
    "install": _apply_plan,
    "uninstall": _apply_plan,
    "undo": _apply_plan,
    "hold": _hold,
    "unhold": _unhold,
    "holds": _list_holds,
    "audit": _audit,
    "publishers": _compare_publishers,
    "fix": _apply_plan,
    "history": _list_history,
    "export": _export,
    "drift": _drift,
    "restore": _apply_plan,
    "embed": _embed,
    "copy": _copy,
    "copies": _list_copies,
    "remove-copy": _remove_copy,
}


def _as_frame(request: Request, answer: Any) -> object:
    from . import frames  # late: the extension loads without pandas

    match request.verb:
        case "updates":
            return frames.updates(answer)
        case "packages":
            return frames.packages(answer)
        case "audit":
            return frames.advisories(answer.rows)
        case "history":
            return frames.history(answer)
        case "holds":
            return frames.holds(answer)
        case "recover":
            print("There was nothing to recover." if answer is None else answer.message)
            return None
        case "copies":
            return frames.copies(answer)
        case "plan" | "publishers":
            return answer
        case "drift":
            return frames.drift(answer.rows)
        case "embed":
            for note in answer:
                print(f"{note}.")
            return None
        case "export":
            for note in answer.notes:
                print(f"{note}.")
            return answer
        case _:
            return frames.changes(answer) if request.everything else answer


def _as_json(request: Request, answer: Any) -> dict[str, Any]:
    match request.verb:
        case "packages" | "updates":
            fields: dict[str, Any] = {request.verb: [payloads.package(row) for row in answer]}
        case "plan":
            fields = {"plan": payloads.plan(answer)}
        case "drift":
            fields = payloads.drift(answer)
        case "copies":
            fields = {"environments": [payloads.environment_copy(row) for row in answer]}
        case "copy" | "remove-copy":
            fields = {"environment": payloads.environment_copy(answer)}
        case "embed":
            fields = {"notebook": request.names[0], "notes": list(answer)}
        case "export":
            fields = {"export": payloads.export(answer)}
        case "audit":
            fields = {"advisories": [audit_text.payload(row) for row in answer.rows]}
        case "publishers":
            fields = {"publishers": payloads.publishers(answer)}
        case "history":
            fields = {
                "transactions": [
                    payloads.transaction(transaction) for transaction in reversed(answer)
                ]
            }
        case "holds":
            fields = {"holds": [payloads.hold(row) for row in answer]}
        case "recover":
            fields = {"recovered": answer and answer.id, "outcome": answer and answer.outcome}
        case _:
            fields = {"transaction": payloads.transaction(answer)}
            fields |= {"results": payloads.results(answer)} if request.everything else {}
    return {"success": True, **fields}


def _error_json(error: PkgwidgetsError) -> dict[str, Any]:
    return {"success": False, "error": payloads.error(error, Face.MAGIC)}
