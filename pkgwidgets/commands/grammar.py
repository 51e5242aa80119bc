"""The verbs and options of the command line and of the magic: words -> one request."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, get_args

from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.plans import AllowPolicy
from pkgwidgets.core.text import capitalize_first

from .plan_request import ACTIONS, Action, PlanRequest

CHANGING: tuple[str, ...] = ACTIONS
"""The verbs that change an environment."""
_LONG_OPTION = re.compile(r"--[a-z-]+")
_MAX_MESSAGE_CHARACTERS = 300
"""Characters of argparse's message that an error keeps: it may quote a long argument."""


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
    everything: bool = False
    yes: bool = False
    refresh: bool = False
    terminal: bool = False

    @property
    def plan_request(self) -> PlanRequest:
        """The request to plan, for the verbs that plan."""
        return PlanRequest(
            action=self.action, names=self.names, version=self.version, allow=self.allow
        )


def parse(arguments: Sequence[str], *, magic: bool = False) -> Request:
    """Parse arguments into a request; raises `InvalidRequest` if they are invalid.

    Like argparse, `--help` prints the help and raises SystemExit. The `magic` has other verbs.
    """
    parsed = vars(_build_parser(magic=magic).parse_args(list(arguments)))
    values = {name: _freeze(value) for name, value in parsed.items()}
    request = Request(**{**values, "verb": _ALIASES.get(values["verb"], values["verb"])})
    _check_request(request)
    return request


def verbs(*, magic: bool = False) -> tuple[str, ...]:
    """Return the verbs, in the order of the help."""
    return tuple(
        verb for verb in _ADD_ARGUMENTS if verb not in (_NOT_IN_MAGIC if magic else _ONLY_MAGIC)
    )


def options(verb: str) -> tuple[str, ...]:
    """Return the long options (`--…`) of a verb of the magic."""
    parser = _Parser(add_help=False)
    _add_common_options(parser)
    _ADD_ARGUMENTS[verb](parser)
    return tuple(dict.fromkeys(_LONG_OPTION.findall(parser.format_usage())))


class _Parser(argparse.ArgumentParser):
    """Raise `InvalidRequest` instead of printing the error and exiting."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        reason = f"{message[:_MAX_MESSAGE_CHARACTERS]}; `{self.prog} --help` lists what there is"
        raise InvalidRequest("command line", None, reason)


def _build_parser(*, magic: bool) -> _Parser:
    parser = _Parser(
        prog="%packages" if magic else "pkgwidgets",
        description="Look after the packages of one environment: see, plan, upgrade, undo.",
        epilog=None if magic else _EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action=_VersionAction, nargs=0, help="say which version this is"
    )
    _add_common_options(parser)
    common = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    _add_common_options(common)  # a default after the verb must not overwrite an option before it
    commands = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    for verb in verbs(magic=magic):
        help_text = _HELP[verb]
        parents = [] if verb == "demo" else [common]
        add_to = _ADD_ARGUMENTS[verb]
        add_to(
            commands.add_parser(
                verb, help=help_text, description=f"{capitalize_first(help_text)}.", parents=parents
            )
        )
    return parser


class _VersionAction(argparse.Action):
    """Print the version of pkgwidgets and exit."""

    def __call__(self, parser: argparse.ArgumentParser, *args: object, **options: object) -> None:
        from importlib import metadata  # it takes a while to load

        print(f"pkgwidgets {metadata.version('pkgwidgets')}")
        parser.exit()


def _add_common_options(parser: _Parser) -> None:
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


def _add_packages_arguments(parser: _Parser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")


def _add_updates_arguments(parser: _Parser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    parser.add_argument("--refresh", action="store_true", help="ask again for what was answered")


def _add_plan_arguments(parser: _Parser) -> None:
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="what to upgrade; without a name everything"
    )
    actions = parser.add_mutually_exclusive_group()
    help_texts = {
        "install": "plan to install what the requirements NAME name instead",
        "uninstall": "plan to remove NAME instead",
        "undo": "plan to take the transaction NAME, or the last one, back instead",
    }
    for action, help_text in help_texts.items():
        actions.add_argument(
            f"--{action}", dest="action", action="store_const", const=action, help=help_text
        )
    parser.set_defaults(action="upgrade")
    _add_version_option(parser)
    _add_allow_option(parser)


def _add_upgrade_arguments(parser: _Parser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to upgrade")
    parser.add_argument(
        "--all", action="store_true", dest="everything", help="upgrade everything, in one go"
    )
    _add_version_option(parser)
    _add_changing_options(parser, "upgrade")


def _add_install_arguments(parser: _Parser) -> None:
    parser.add_argument(
        "names", nargs="+", metavar="REQUIREMENT", help="as in polars or 'polars>=1'"
    )
    _add_changing_options(parser, "install")


def _add_uninstall_arguments(parser: _Parser) -> None:
    parser.add_argument("names", nargs="+", metavar="NAME", help="what to remove")
    _add_changing_options(parser, "uninstall", allow=False)


def _add_undo_arguments(parser: _Parser) -> None:
    parser.add_argument(
        "names", nargs="*", metavar="TRANSACTION", help="which one; by default the last"
    )
    _add_changing_options(parser, "undo", allow=False)


def _add_changing_options(parser: _Parser, action: Action, *, allow: bool = True) -> None:
    parser.set_defaults(action=action)
    if allow:
        _add_allow_option(parser)
    parser.add_argument("-y", "--yes", action="store_true", help="apply the plan unasked")


def _add_version_option(parser: _Parser) -> None:
    parser.add_argument("--version", metavar="VERSION", help="this version of the one name")


def _add_allow_option(parser: _Parser) -> None:
    parser.add_argument(
        "--allow",
        choices=get_args(AllowPolicy),
        default="dependencies",
        help="what else may move: nothing, what the named depend on (the default), or everything",
    )


def _add_demo_arguments(parser: _Parser) -> None:
    parser.add_argument(
        "--terminal", action="store_true", help="tell the same story here, without JupyterLab"
    )


def _add_no_arguments(parser: _Parser) -> None:
    """Add nothing to the common options."""


_ADD_ARGUMENTS = {
    "packages": _add_packages_arguments,
    "list": _add_packages_arguments,
    "updates": _add_updates_arguments,
    "plan": _add_plan_arguments,
    "upgrade": _add_upgrade_arguments,
    "install": _add_install_arguments,
    "uninstall": _add_uninstall_arguments,
    "history": _add_no_arguments,
    "undo": _add_undo_arguments,
    "recover": _add_no_arguments,
    "panel": _add_no_arguments,
    "demo": _add_demo_arguments,
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
_ALIASES = {"list": "packages"}
_ONLY_MAGIC = frozenset({"list", "panel"})
_NOT_IN_MAGIC = frozenset({"demo"})
_EXIT_CODES = """\
exit codes:
  0  done
  1  failed: the environment is what it was, or what is said about it
  2  what was asked for cannot be done: nothing was changed
  3  there was nothing to do, or you said no"""


def _check_request(request: Request) -> None:
    """Raise `InvalidRequest` for what argparse accepts: bad combinations, names and versions."""
    if request.verb == "upgrade" and bool(request.names) is request.everything:
        reason = "upgrade takes names, or `--all` for everything"
        raise InvalidRequest("name", None, reason)
    request.plan_request.check()


def _freeze(value: object) -> Any:
    return tuple(value) if isinstance(value, list) else value
