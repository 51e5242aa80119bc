"""The verbs and options of the command line and of the magic: words -> one request."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, NoReturn, get_args

from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.plans import AllowPolicy

from .plan_request import ACTIONS, Action, PlanRequest

CHANGING: tuple[str, ...] = ACTIONS
"""The verbs that change an environment."""
_OPTION = re.compile(r"--[a-z-]+")
_MAX_MESSAGE_CHARACTERS = 300
"""Characters of what is said about wrong arguments, which may quote any of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What is asked for. `action` and `names` are what a plan is made of: a verb's, or `plan`'s."""

    verb: str
    python: str | None = None
    index_url: str | None = None
    json: bool = False
    names: tuple[str, ...] = ()
    action: Action = "upgrade"
    version: str | None = None
    allow: AllowPolicy = "dependencies"
    everything: bool = False
    yes: bool = False
    refresh: bool = False
    terminal: bool = False

    @property
    def plan_request(self) -> PlanRequest:
        """What is to be planned, for the verbs that plan."""
        return PlanRequest(
            action=self.action, names=self.names, version=self.version, allow=self.allow
        )


def parse(words: Sequence[str], *, magic: bool = False) -> Request:
    """Return the request that some words make; raises `InvalidRequest` for what is none.

    Asked for help, it prints that and raises SystemExit, as argparse does. The `magic` has other
    verbs.
    """
    found = vars(_parser(magic=magic).parse_args(list(words)))
    known = {name: _freeze(value) for name, value in found.items()}
    request = Request(**{**known, "verb": _SAME.get(known["verb"], known["verb"])})
    _check(request)
    return request


def verbs(*, magic: bool = False) -> tuple[str, ...]:
    """Return the verbs, in the order in which they are explained."""
    return tuple(verb for verb in _VERBS if verb not in (_NOT_IN_MAGIC if magic else _ONLY_MAGIC))


def options(verb: str) -> tuple[str, ...]:
    """Return what may be given with a verb of the magic, `--…` each."""
    parser = _Parser(add_help=False)
    _add_common(parser)
    _VERBS[verb](parser)
    return tuple(dict.fromkeys(_OPTION.findall(parser.format_usage())))


class _Parser(argparse.ArgumentParser):
    """Raises what others catch, instead of printing it and ending the process."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **more})

    def error(self, message: str) -> NoReturn:
        said = f"{message[:_MAX_MESSAGE_CHARACTERS]}; `{self.prog} --help` lists what there is"
        raise InvalidRequest("command line", None, said)


def _parser(*, magic: bool) -> _Parser:
    parser = _Parser(
        prog="%packages" if magic else "pkgwidgets",
        description="Look after the packages of one environment: see, plan, upgrade, undo.",
        epilog=None if magic else _CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="say which version this is")
    _add_common(parser)
    common = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    _add_common(common)  # what is not said after the verb must not overwrite what was before it
    commands = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    for verb in verbs(magic=magic):
        said = _HELP[verb]
        parents = [] if verb == "demo" else [common]
        add_to = _VERBS[verb]
        add_to(commands.add_parser(verb, help=said, description=_capital(said), parents=parents))
    return parser


class _Version(argparse.Action):
    """Says which version of pkgwidgets this is, and ends."""

    def __call__(self, parser: argparse.ArgumentParser, *args: object, **more: object) -> None:
        print(f"pkgwidgets {metadata.version('pkgwidgets')}")
        parser.exit()


def _add_common(parser: _Parser) -> None:
    parser.add_argument(
        "--python",
        metavar="PATH",
        help="the interpreter whose environment is meant; by default the one that runs this",
    )
    parser.add_argument(
        "--index-url",
        metavar="URL",
        help="the index that is asked; by default what uv, else pip, is configured to ask",
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON, as REST does")


def _packages(parser: _Parser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")


def _updates(parser: _Parser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    parser.add_argument("--refresh", action="store_true", help="ask again for what was answered")


def _plan(parser: _Parser) -> None:
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="what to upgrade; without a name everything"
    )
    kinds = parser.add_mutually_exclusive_group()
    said = {
        "install": "plan to install what the requirements NAME name instead",
        "uninstall": "plan to remove NAME instead",
        "undo": "plan to take the transaction NAME, or the last one, back instead",
    }
    for kind, help_text in said.items():
        kinds.add_argument(
            f"--{kind}", dest="action", action="store_const", const=kind, help=help_text
        )
    parser.set_defaults(action="upgrade")
    _add_version(parser)
    _add_allow(parser)


def _upgrade(parser: _Parser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to upgrade")
    parser.add_argument(
        "--all", action="store_true", dest="everything", help="upgrade everything, in one go"
    )
    _add_version(parser)
    _changing(parser, "upgrade")


def _install(parser: _Parser) -> None:
    parser.add_argument(
        "names", nargs="+", metavar="REQUIREMENT", help="as in polars or 'polars>=1'"
    )
    _changing(parser, "install")


def _uninstall(parser: _Parser) -> None:
    parser.add_argument("names", nargs="+", metavar="NAME", help="what to remove")
    _changing(parser, "uninstall", allow=False)


def _undo(parser: _Parser) -> None:
    parser.add_argument(
        "names", nargs="*", metavar="TRANSACTION", help="which one; by default the last"
    )
    _changing(parser, "undo", allow=False)


def _changing(parser: _Parser, action: Action, *, allow: bool = True) -> None:
    parser.set_defaults(action=action)
    if allow:
        _add_allow(parser)
    parser.add_argument("-y", "--yes", action="store_true", help="apply the plan unasked")


def _add_version(parser: _Parser) -> None:
    parser.add_argument("--version", metavar="VERSION", help="this version of the one name")


def _add_allow(parser: _Parser) -> None:
    parser.add_argument(
        "--allow",
        choices=get_args(AllowPolicy),
        default="dependencies",
        help="what else may move: nothing, what the named depend on (the default), or everything",
    )


def _demo(parser: _Parser) -> None:
    parser.add_argument(
        "--terminal", action="store_true", help="tell the same story here, without JupyterLab"
    )


def _nothing(parser: _Parser) -> None:
    """Take no more than every verb does."""


_VERBS = {
    "packages": _packages,
    "list": _packages,
    "updates": _updates,
    "plan": _plan,
    "upgrade": _upgrade,
    "install": _install,
    "uninstall": _uninstall,
    "history": _nothing,
    "undo": _undo,
    "recover": _nothing,
    "panel": _nothing,
    "demo": _demo,
}
_HELP = {
    "packages": "what is installed",
    "list": "what is installed: another word for packages",
    "updates": "what is newer, how much of it is within reach, and who stands in the way",
    "plan": "what an upgrade would change; changes nothing",
    "upgrade": "upgrade packages as far as nothing that is installed forbids",
    "install": "install what requirements name",
    "uninstall": "remove packages that nothing else needs",
    "history": "what was done, newest first",
    "undo": "take a transaction back",
    "recover": "put back what was cut off; needs neither a network nor a kernel",
    "panel": "show all of it with buttons",
    "demo": "a throw-away environment and index, with a notebook that shows them",
}
_SAME = {"list": "packages"}
_ONLY_MAGIC = frozenset({"list", "panel"})
_NOT_IN_MAGIC = frozenset({"demo"})
_CODES = """\
exit codes:
  0  done
  1  failed: the environment is what it was, or what is said about it
  2  what was asked for cannot be done: nothing was changed
  3  there was nothing to do, or you said no"""


def _check(request: Request) -> None:
    """Refuse what argparse lets pass, and every bad text before anything is started."""
    if request.verb == "upgrade" and bool(request.names) is request.everything:
        reason = "upgrade takes names, or `--all` for everything"
        raise InvalidRequest("name", None, reason)
    request.plan_request.check()


def _freeze(value: object) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
