"""The words of the command line and of the magic -> one request, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pkgwidgets.core.errors import InvalidRequest

from .argument_parser import UsageError, parse_arguments
from .argument_parser import options as options
from .argument_parser import verbs as verbs
from .plan_request import ACTIONS, Action, PlanRequest

if TYPE_CHECKING:
    from pkgwidgets.core.plans import AllowPolicy, StepLimit

CHANGING: tuple[str, ...] = ACTIONS
"""The verbs that change an environment."""
_WITHOUT_PLAN = ("export", "drift", "embed", "copy", "copies", "remove-copy")
"""The verbs whose names are not those of packages."""
_ALIASES = {"list": "packages"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A parsed command. `action` and `names` belong to its plan: of `plan` or a changing verb."""

    verb: str
    python: str | None = None
    index_url: str | None = None
    json: bool = False
    names: tuple[str, ...] = ()
    action: Action = "upgrade"
    version: str | None = None
    allow: AllowPolicy = "dependencies"
    step: StepLimit | None = None
    everything: bool = False
    skip_failing: bool = False
    yes: bool = False
    refresh: bool = False
    terminal: bool = False
    versions: str | None = None
    reason: str = ""
    until: str | None = None
    sources: tuple[str, ...] = ()
    sarif: bool = False
    exact: bool = False
    project: bool = False
    as_of: str | None = None
    script: bool = False
    for_python: str | None = None
    only: tuple[str, ...] = ()

    @property
    def plan_request(self) -> PlanRequest:
        """The request to plan, for the verbs that plan."""
        return PlanRequest(
            action=self.action,
            names=self.names,
            version=self.version,
            allow=self.allow,
            step=self.step,
            sources=self.sources,
            exact=self.exact,
            project=self.project,
            as_of=self.as_of,
        )


def parse(arguments: Sequence[str], *, magic: bool = False) -> Request:
    """Parse arguments into a request; raises `InvalidRequest` if they are invalid.

    Like argparse, `--help` prints the help and raises SystemExit. The `magic` has other verbs.
    """
    try:
        parsed = parse_arguments(arguments, magic=magic)
    except UsageError as error:
        raise InvalidRequest("command line", None, f"{error}") from None
    values = {name: _freeze(value) for name, value in parsed.items()}
    request = Request(**{**values, "verb": _ALIASES.get(values["verb"], values["verb"])})
    _check_request(request)
    return request


def _check_request(request: Request) -> None:
    """Raise `InvalidRequest` for what argparse accepts: bad combinations, names and versions."""
    if request.verb == "upgrade" and bool(request.names) is request.everything:
        reason = "give the packages to upgrade, or `--all` to upgrade all packages"
        raise InvalidRequest("name", None, f"{reason}, not both" if request.names else reason)
    if request.skip_failing and not request.everything:
        raise InvalidRequest("skip-failing", None, "give it together with `--all`")
    is_narrowed = bool(request.names) or request.action != "upgrade"
    if request.verb == "plan" and request.everything and is_narrowed:
        reason = "`--all` plans an upgrade of all packages: give no name and no other action"
        raise InvalidRequest("name", None, reason)
    if request.json and request.sarif:
        raise InvalidRequest("command line", None, "give `--json` or `--sarif`, not both")
    if request.verb == "export" and len(request.names) > 1:
        raise InvalidRequest("format", None, "give one format")
    if request.verb not in _WITHOUT_PLAN:
        request.plan_request.check()


def _freeze(value: object) -> Any:
    return tuple(value) if isinstance(value, list) else value
