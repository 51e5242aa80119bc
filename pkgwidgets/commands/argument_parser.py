"""The parser of the command line and of the magic: their verbs and options.

It loads little, so that help appears at once: no values of `core/` and no backends.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

from pkgwidgets.core.plan_choices import ALLOW_POLICIES, STEP_LIMITS

from . import help_texts

TYPE_CHECKING = False  # as `typing` has it, which takes a while to load
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from .plan_request import Action

_LONG_OPTION = re.compile(r"--[a-z-]+")
_MAX_MESSAGE_CHARACTERS = 300
"""Characters of argparse's message that an error keeps: it may quote a long argument."""


_SOURCE_TEXT = "A pylock.toml, requirements.txt, notebook, or another environment"


class UsageError(Exception):
    """The arguments are invalid; the message says how."""


def parse_arguments(arguments: Sequence[str], *, magic: bool = False) -> dict[str, Any]:
    """Return the values of all options by name; raise `UsageError` if arguments are invalid.

    Like argparse, `--help` prints the help and raises SystemExit.
    """
    return vars(_build_parser(arguments, magic=magic).parse_args(list(arguments)))


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
    """Raise `UsageError` instead of printing the error and exiting."""

    def __init__(self, *, add_help: bool = True, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options}, add_help=False)
        if add_help:
            self.add_argument("-h", "--help", action="help", help="Show this help and exit")

    def error(self, message: str) -> NoReturn:
        raise UsageError(
            f"{message[:_MAX_MESSAGE_CHARACTERS]}. `{self.prog} --help` shows the usage"
        )


def _build_parser(arguments: Sequence[str], *, magic: bool) -> _Parser:
    """Return the parser for these arguments; each verb that is not among them has none."""
    program = "%packages" if magic else "pkgwidgets"
    parser = _Parser(
        prog=program,
        usage="%(prog)s [OPTIONS] COMMAND ...",
        description=help_texts.overview(verbs(magic=magic)),
        epilog=help_texts.epilog(program, magic=magic),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action=_VersionAction, nargs=0, help="Show the version of pkgwidgets and exit"
    )
    _add_common_options(parser)
    # The overview lists the commands, so argparse does not list them again.
    commands = parser.add_subparsers(
        dest="verb",
        required=True,
        metavar="COMMAND",
        prog=program,
        help=argparse.SUPPRESS,
        parser_class=_VerbParser,
    )
    for verb in verbs(magic=magic):
        if verb in arguments:  # two dozen parsers take longer to make than a listing takes
            commands.add_parser(verb, verb=verb, program=program, magic=magic)
    commands.choices = verbs(magic=magic)  # type: ignore[assignment] # what an error lists
    return parser


class _VerbParser(_Parser):
    """The parser of one verb; it gets its arguments when it is used, as one of a dozen is."""

    def __init__(self, *, verb: str, program: str, magic: bool, **options: Any) -> None:
        super().__init__(
            **options,
            description=help_texts.description(verb, magic=magic),
            epilog=help_texts.verb_epilog(program, verb),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self._lacks_arguments_of: str | None = verb

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        verb, self._lacks_arguments_of = self._lacks_arguments_of, None
        if verb is not None:
            if verb != "demo":
                # A default after the verb must not overwrite an option before it.
                _add_common_options(self, default=argparse.SUPPRESS)
            _ADD_ARGUMENTS[verb](self)
        return super().parse_known_args(args, namespace)


class _VersionAction(argparse.Action):
    """Print the version of pkgwidgets and exit."""

    def __call__(self, parser: argparse.ArgumentParser, *args: object, **options: object) -> None:
        from importlib import metadata  # it takes a while to load

        print(f"pkgwidgets {metadata.version('pkgwidgets')}")
        parser.exit()


def _add_common_options(parser: _Parser, **default: Any) -> None:
    group = parser.add_argument_group("global options")
    group.add_argument(
        "--python",
        metavar="PATH",
        help="Use the environment of this interpreter (default: the one that runs pkgwidgets)",
        **default,
    )
    group.add_argument(
        "--index-url",
        metavar="URL",
        help="Use only this package index (default: the index that uv or pip is configured to use)",
        **default,
    )
    group.add_argument(
        "--json",
        action="store_true",
        help="Return JSON, with the fields of the REST API",
        **default,
    )


def _add_packages_arguments(parser: _Parser) -> None:
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="Packages to list (default: all packages)"
    )


def _add_updates_arguments(parser: _Parser) -> None:
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="Packages to check (default: all packages)"
    )
    parser.add_argument("--refresh", action="store_true", help="Ignore cached answers of the index")


def _add_plan_arguments(parser: _Parser) -> None:
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="Packages to upgrade (default: all packages)"
    )
    parser.add_argument(
        "--all", action="store_true", dest="everything", help="Plan to upgrade all packages"
    )
    actions = parser.add_mutually_exclusive_group()
    action_texts = {
        "install": "Plan to install the requirements NAME instead",
        "uninstall": "Plan to uninstall the packages NAME instead",
        "undo": "Plan to undo the transaction NAME instead (default: the last one)",
        "fix": "Plan the smallest steps out of known vulnerabilities instead",
    }
    for action, text in action_texts.items():
        actions.add_argument(
            f"--{action}", dest="action", action="store_const", const=action, help=text
        )
    parser.set_defaults(action="upgrade")
    _add_version_option(parser)
    _add_step_option(parser)
    _add_allow_option(parser)
    _add_project_option(parser)


def _add_upgrade_arguments(parser: _Parser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="Packages to upgrade")
    parser.add_argument(
        "--all",
        action="store_true",
        dest="everything",
        help="Upgrade all packages in one transaction",
    )
    parser.add_argument(
        "--skip-failing",
        action="store_true",
        help="With --all: leave out releases that fail the check, and upgrade the others",
    )
    _add_version_option(parser)
    _add_step_option(parser)
    _add_project_option(parser)
    _add_changing_options(parser, "upgrade")


def _add_install_arguments(parser: _Parser) -> None:
    parser.add_argument(
        "names",
        nargs="+",
        metavar="REQUIREMENT",
        help="Requirements to install, such as polars or 'polars>=1'",
    )
    _add_project_option(parser)
    _add_changing_options(parser, "install")


def _add_uninstall_arguments(parser: _Parser) -> None:
    parser.add_argument("names", nargs="+", metavar="NAME", help="Packages to uninstall")
    _add_project_option(parser)
    _add_changing_options(parser, "uninstall", allow=False)


def _add_undo_arguments(parser: _Parser) -> None:
    parser.add_argument(
        "names",
        nargs="*",
        metavar="TRANSACTION",
        help="Transaction to undo, by its id in `history` (default: the last one)",
    )
    _add_changing_options(parser, "undo", allow=False)


def _add_hold_arguments(parser: _Parser) -> None:
    _add_held_package(parser, "Versions to hold it at, such as '<3' (default: the installed one)")
    parser.add_argument("--reason", metavar="TEXT", default="", help="Why it is held")
    parser.add_argument(
        "--until", metavar="DAY", help="The day on which the hold ends, such as 2027-01-31"
    )


def _add_unhold_arguments(parser: _Parser) -> None:
    _add_held_package(parser, "Versions of the hold to remove (default: all holds of the package)")


def _add_held_package(parser: _Parser, versions_text: str) -> None:
    parser.add_argument("names", nargs=1, metavar="NAME", help="Package")
    parser.add_argument("versions", nargs="?", metavar="VERSIONS", help=versions_text)


def _add_audit_arguments(parser: _Parser) -> None:
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="Packages to audit (default: all packages)"
    )
    _add_source_option(parser)
    parser.add_argument(
        "--sarif", action="store_true", help="Return a SARIF 2.1.0 log, for code scanners"
    )


def _add_fix_arguments(parser: _Parser) -> None:
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="Packages to fix (default: all packages)"
    )
    _add_source_option(parser)
    _add_changing_options(parser, "fix", allow=False)


def _add_source_option(parser: _Parser) -> None:
    parser.add_argument(
        "--source",
        action="append",
        dest="sources",
        default=[],
        metavar="SOURCE",
        help="An OSV service, or a folder or zip file of OSV records; it is remembered",
    )


def _add_export_arguments(parser: _Parser) -> None:
    parser.add_argument(
        "names",
        nargs="*",
        metavar="FORMAT",
        help="Format: pylock.toml (the default) or requirements.txt",
    )


def _add_drift_arguments(parser: _Parser) -> None:
    parser.add_argument("names", nargs=1, metavar="SOURCE", help=_SOURCE_TEXT)


def _add_restore_arguments(parser: _Parser) -> None:
    parser.add_argument("names", nargs="*", metavar="SOURCE", help=_SOURCE_TEXT)
    parser.add_argument(
        "--exact", action="store_true", help="Uninstall the packages that the lock lacks"
    )
    parser.add_argument(
        "--as-of",
        metavar="DAY",
        help="Instead of a lock: return to the releases of a day, such as 2026-10-01",
    )
    _add_changing_options(parser, "restore", allow=False)


def _add_publishers_arguments(parser: _Parser) -> None:
    parser.add_argument("names", nargs=1, metavar="NAME", help="Package")


def _add_embed_arguments(parser: _Parser) -> None:
    parser.add_argument("names", nargs=1, metavar="NOTEBOOK", help="Notebook, closed in Jupyter")
    parser.add_argument(
        "--script", action="store_true", help="Also write inline metadata (PEP 723) for uv and juv"
    )


def _add_copy_arguments(parser: _Parser) -> None:
    parser.add_argument("names", nargs=1, metavar="NAME", help="Name of the copy")
    parser.add_argument(
        "--for-python",
        metavar="VERSION",
        help="Python of the copy: a version, such as 3.12, or a path (default: the same Python)",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PACKAGE",
        help="Copy only this package, with what it requires and ipykernel",
    )
    parser.add_argument(
        "-y", "--yes", action="store_true", help="Make the copy without asking for confirmation"
    )


def _add_remove_copy_arguments(parser: _Parser) -> None:
    parser.add_argument("names", nargs=1, metavar="NAME", help="Name of the copy")


def _add_changing_options(parser: _Parser, action: Action, *, allow: bool = True) -> None:
    parser.set_defaults(action=action)
    if allow:
        _add_allow_option(parser)
    parser.add_argument(
        "-y", "--yes", action="store_true", help="Apply the plan without asking for confirmation"
    )


def _add_version_option(parser: _Parser) -> None:
    parser.add_argument(
        "--version",
        metavar="VERSION",
        help="Upgrade the one named package to this version (default: the compatible version)",
    )


def _add_step_option(parser: _Parser) -> None:
    parser.add_argument(
        "--step",
        choices=STEP_LIMITS,
        help="The biggest step that an upgrade may take (default: any)",
    )


def _add_project_option(parser: _Parser) -> None:
    parser.add_argument(
        "--project",
        action="store_true",
        help="Also change pyproject.toml and uv.lock of the uv project of the environment",
    )


def _add_allow_option(parser: _Parser) -> None:
    parser.add_argument(
        "--allow",
        choices=ALLOW_POLICIES,
        default="dependencies",
        help="Which other packages may change: none (self), those that the named packages depend "
        "on (dependencies), or any (all); default: dependencies",
    )


def _add_demo_arguments(parser: _Parser) -> None:
    parser.add_argument(
        "--terminal",
        action="store_true",
        help="Print an example in the terminal instead of opening JupyterLab",
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
    "hold": _add_hold_arguments,
    "unhold": _add_unhold_arguments,
    "holds": _add_no_arguments,
    "audit": _add_audit_arguments,
    "publishers": _add_publishers_arguments,
    "fix": _add_fix_arguments,
    "export": _add_export_arguments,
    "drift": _add_drift_arguments,
    "restore": _add_restore_arguments,
    "embed": _add_embed_arguments,
    "copy": _add_copy_arguments,
    "copies": _add_no_arguments,
    "remove-copy": _add_remove_copy_arguments,
    "history": _add_no_arguments,
    "undo": _add_undo_arguments,
    "recover": _add_no_arguments,
    "panel": _add_no_arguments,
    "demo": _add_demo_arguments,
}
_ONLY_MAGIC = frozenset({"list", "panel"})
_NOT_IN_MAGIC = frozenset({"demo"})
