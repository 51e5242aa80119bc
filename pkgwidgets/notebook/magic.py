"""`%packages`: the verbs of the command line in a cell, with the answers of the service."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
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
from pkgwidgets.core.errors import InvalidRequest, PkgwidgetsError
from pkgwidgets.core.history import committed
from pkgwidgets.core.interfaces import no_report
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.presentation import payloads
from pkgwidgets.presentation.hints import Face, hint_text

from . import frames
from .completion import CompletionSources, completions
from .service import PackageService

OpenPanel = Callable[[PackageService], object]
"""Makes the panel of a service; passed in, so that the magic does not import widgets."""

_LINE = re.compile(r"\s*(?:\S+\s*=\s*)?%packages(\s.*)", re.DOTALL)
"""A line with the magic; it may assign the answer to a variable."""
_COMPLETION_SECONDS = 2.0
"""Seconds that a completion waits for the index; a later answer is cached for the next one."""


def load(shell: InteractiveShell, open_panel: OpenPanel) -> None:
    """Register the magic and its completion in a shell; `open_panel` shows a service's panel."""
    magics = PackagesMagics(shell, open_panel)
    shell.register_magics(magics)
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
        """List, plan, upgrade and undo packages: `%packages --help` lists the verbs.

        Returns what `PackageService` returns: DataFrames, plans, transactions, the panel. With
        `--json` it returns what REST answers, also for errors. Changes are applied without a
        question.
        """
        try:
            request = grammar.parse(_words(line), magic=True)
        except SystemExit:  # after help was printed
            return None
        except InvalidRequest as error:
            if "--json" not in line.split():
                raise error.with_hint(hint_text(error, Face.MAGIC)) from None
            return _failed(error)
        try:
            answer = self._answer(request)
        except PkgwidgetsError as error:
            if not request.json:
                raise error.with_hint(hint_text(error, Face.MAGIC)) from None
            return _failed(error)
        as_json = request.json and request.verb != "panel"
        return _as_json(request, answer) if as_json else _as_service(request, answer)

    def complete(self, line: str) -> list[str]:
        """Return the completions of the last word of a line; none if a source fails."""
        with suppress(PkgwidgetsError):
            found = _LINE.match(line)
            return [] if found is None else list(completions(found[1], self._known()))
        return []

    def matcher(self) -> Matcher:
        """Return an IPython matcher over `complete` that suppresses Python completions here."""

        def matcher(context: CompletionContext) -> SimpleMatcherResult:
            found = self.complete(context.text_until_cursor)
            said = [SimpleCompletion(text, type="magic") for text in found]
            return {"completions": said, "ordered": True, "suppress": bool(said)}

        return cast(Matcher, context_matcher(identifier="pkgwidgets")(matcher))

    def _answer(self, request: Request) -> object:
        if request.verb == "recover":  # a new service would recover without reporting it
            return recovery.recover_environment(request.python)
        service = self._service(request.python, request.index_url)
        if request.verb == "panel":
            return self._open_panel(service)
        return _VERBS[request.verb](service, request)

    def _service(self, python: str | None, index_url: str | None) -> PackageService:
        key = python, index_url
        if key not in self._services:
            self._services[key] = PackageService(python, index_url=index_url)
        return self._services[key]

    def _known(self) -> CompletionSources:
        def names() -> Sequence[str]:
            rows = self._service(None, None).values.packages(report=no_report)
            return [row.name for row in rows]

        def transactions() -> Sequence[str]:
            done = committed(self._service(None, None).values.history())
            return [each.id for each in reversed(done)]

        return CompletionSources(names, self._versions, transactions)

    def _versions(self, name: str) -> Sequence[str]:
        """Return a project's versions, newest first; none if the index takes too long."""
        found: list[str] = []
        service = self._service(None, None)

        def ask() -> None:
            with suppress(PkgwidgetsError):
                releases = service.list_releases(name, report=no_report)
                found.extend(str(each.version) for each in releases if not each.yanked)

        asking = Thread(target=ask, name="pkgwidgets-completion", daemon=True)
        asking.start()
        asking.join(_COMPLETION_SECONDS)
        return tuple(found)


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise InvalidRequest("line", line, f"{error}".lower()) from None


def _packages(service: PackageService, request: Request) -> tuple[PackageInfo, ...]:
    if not request.names:
        return service.values.packages()
    return tuple(service.get_package(name) for name in request.names)


def _updates(service: PackageService, request: Request) -> tuple[PackageInfo, ...]:
    if not request.names:
        return service.values.updates(refresh=request.refresh)
    return tuple(
        row for name in request.names for row in service.values.updates(name, request.refresh)
    )


def _plan(service: PackageService, request: Request) -> Plan:
    return plan_for(request.plan_request, service)


def _change(service: PackageService, request: Request) -> Transaction:
    return service.apply(_plan(service, request))


def _history(service: PackageService, request: Request) -> tuple[Transaction, ...]:
    return service.values.history()


_VERBS: dict[str, Callable[[PackageService, Request], object]] = {
    "packages": _packages,
    "updates": _updates,
    "plan": _plan,
    "upgrade": _change,
    "install": _change,
    "uninstall": _change,
    "undo": _change,
    "history": _history,
}


def _as_service(request: Request, answer: Any) -> object:
    match request.verb:
        case "packages" | "updates":
            return frames.packages(answer)
        case "history":
            return frames.history(answer)
        case "recover":
            print("There was nothing to recover." if answer is None else answer.message)
            return None
        case _:
            return frames.changes(answer) if request.everything else answer


def _as_json(request: Request, answer: Any) -> dict[str, Any]:
    match request.verb:
        case "packages" | "updates":
            said: dict[str, Any] = {request.verb: [payloads.package(row) for row in answer]}
        case "plan":
            said = {"plan": payloads.plan(answer)}
        case "history":
            said = {"transactions": [payloads.transaction(each) for each in reversed(answer)]}
        case "recover":
            said = {"recovered": answer and answer.id, "outcome": answer and answer.outcome}
        case _:
            said = {"transaction": payloads.transaction(answer)}
            said |= {"results": payloads.results(answer)} if request.everything else {}
    return {"success": True, **said}


def _failed(error: PkgwidgetsError) -> dict[str, Any]:
    return {"success": False, "error": payloads.error(error, Face.MAGIC)}
