"""The help of the command line and of the magic: what each verb does, examples, exit codes."""

from __future__ import annotations

from collections.abc import Sequence

_OVERVIEW = """\
See, change and restore the packages of one Python environment.

Each change is planned first and then applied as one transaction. If it fails,
it is rolled back and the environment is unchanged."""

_SUMMARIES = {
    "packages": "List installed packages",
    "list": "List installed packages (same as packages)",
    "updates": "List updates, the compatible version, and what blocks the latest",
    "plan": "Show what a change would do, without doing it",
    "upgrade": "Upgrade packages as far as installed packages allow",
    "install": "Install packages",
    "uninstall": "Uninstall packages",
    "hold": "Hold a package at some versions",
    "unhold": "Remove the holds of a package",
    "holds": "List holds, the minimum age, and settings of uv and pip",
    "audit": "List known vulnerabilities, each with the smallest safe version",
    "publishers": "Compare the publishers of two releases of a package",
    "fix": "Upgrade vulnerable packages, each to its smallest safe version",
    "export": "Print the installed packages as a lock for uv and pip",
    "drift": "List what differs from a lock, a notebook or an environment",
    "restore": "Return to the packages of a lock, a notebook or a day",
    "embed": "Save what is installed into a notebook",
    "copy": "Make an environment of your own with the same packages",
    "copies": "List your copies of environments",
    "remove-copy": "Remove a copy of an environment, and its kernel",
    "history": "List past changes, newest first",
    "undo": "Undo the last change, or an earlier one",
    "recover": "Finish or roll back an interrupted change",
    "panel": "Show the package panel",
    "demo": "Try pkgwidgets in a throw-away environment",
}
"""One line per verb, at most 66 characters: with the verb it fills 80 columns."""

_APPLYING = """\
The plan is shown first. It is applied after you confirm it.
If it fails, it is rolled back and the environment is unchanged."""
_APPLYING_IN_MAGIC = """\
The plan is applied without asking for confirmation.
If it fails, it is rolled back and the environment is unchanged."""
_CHANGING = frozenset({"upgrade", "install", "uninstall", "undo", "fix", "restore"})

_DETAILS = {
    "updates": """\
LATEST is the newest release. COMPATIBLE is the newest version that no
installed package forbids. BLOCKED BY names the packages that forbid the latest.
STEP is the step to the latest: major, minor, patch or other.""",
    "plan": "Without an option, the plan is an upgrade. The environment is not changed.",
    "upgrade": "Without --version, each package gets its compatible version.",
    "install": """\
A requirement is a name, with extras and versions if you need them.
A package that is installed already changes only if the requirement demands it.""",
    "uninstall": "A package that another installed package requires is not uninstalled.",
    "hold": """\
No plan gives the package another version. An installed version that the hold
forbids stays. Holds are in pkgwidgets.toml in the root folder of the
environment. The undo command takes the change back.""",
    "audit": """\
SAFE is the smallest release without a known vulnerability that no installed
package forbids. A source is an OSV service, or a folder or zip file of OSV
records. There is no default source. A service gets the names and versions of
the packages, and only after you named it with --source. The exit code is 4 if a
vulnerability was found.""",
    "publishers": """\
The publishers are those that the index names (PEP 740). No signature is
verified.""",
    "fix": "No package goes further than it must. What has no safe version is named.",
    "export": """\
The lock has exact versions, with the hashes of the files on the index. What it
cannot hold is named on standard error.""",
    "drift": """\
A source is a pylock.toml, a requirements file with exact versions, a notebook
that embed saved, or another environment: its folder or its Python.""",
    "restore": """\
The files come from the configured index and must have the hashes of the lock.
Packages that the lock lacks stay, unless --exact is given. What cannot be had
here is named, with the nearest version that can.""",
    "embed": """\
The lock is in the metadata of the notebook, as requirements with hashes. A
notebook with a running kernel is refused: Jupyter would overwrite the lock.""",
    "copy": """\
The copy is a virtual environment in your data folder, with a kernel in Jupyter.
It has the same versions, and this environment is unchanged. What cannot be
copied is listed first: editable packages, and those of a URL, of conda or of
the system.""",
    "remove-copy": "Only what the copy command made can be removed.",
    "history": """\
Each change is one transaction. Its id is what the undo command accepts.
Times are in UTC.""",
    "undo": """\
The old files come from the save point of the transaction if it still exists.
Otherwise the old versions are downloaded again. If other programs changed the
files since, the undo is refused with the reason; history shows it, too.""",
    "recover": """\
A crash or a power cut can interrupt a change. The next command in the
environment recovers it as well; this one also works if the interpreter does not
start. It needs no network.""",
    "panel": "The panel shows the packages of the environment, with buttons for each change.",
    "demo": """\
The demo creates a small environment and a local package index. It opens a
notebook on them in JupyterLab and deletes them at the end. It needs no network.""",
}

_EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "packages": (
        ("packages", "List all packages"),
        ("packages pandas --json", "Show one package as JSON"),
    ),
    "updates": (
        ("updates", "Check all packages"),
        ("updates pandas --refresh", "Check one package, without the cache"),
    ),
    "plan": (
        ("plan pandas", "Show what an upgrade would change"),
        ("plan --install 'polars>=1'", "Show what an installation would change"),
        ("plan --undo", "Show what an undo would change"),
    ),
    "upgrade": (
        ("upgrade pandas", "Upgrade to the compatible version"),
        ("upgrade pandas --version 2.3.3", "Upgrade to this version"),
        ("upgrade pandas --allow all", "Let any other package change too"),
        ("upgrade --all", "Upgrade all packages"),
        ("upgrade --all --step minor", "Upgrade all, without major steps"),
        ("upgrade --all --skip-failing", "Leave out what fails the check"),
    ),
    "install": (
        ("install polars", "Install the compatible version"),
        ("install 'polars>=1' rich", "Install two packages in one transaction"),
    ),
    "uninstall": (("uninstall polars rich", "Uninstall two packages in one transaction"),),
    "hold": (
        ("hold pandas", "Hold at the installed version"),
        ("hold pandas '<3' --reason charts", "Hold below 3, with the reason"),
        ("hold pandas '!=2.3.0'", "Skip one version"),
    ),
    "unhold": (("unhold pandas", "Remove all holds of a package"),),
    "holds": (("holds", "List what limits versions"),),
    "audit": (
        ("audit --source https://osv.example", "Ask a service, and remember it"),
        ("audit --source advisories.zip", "Read records from a file"),
        ("audit pandas --json", "Audit one package, as JSON"),
    ),
    "publishers": (("publishers pandas", "Compare the publishers of a package"),),
    "fix": (
        ("fix", "Fix all packages that have a safe version"),
        ("fix pillow", "Fix one package"),
    ),
    "export": (
        ("export", "Print a pylock.toml (PEP 751)"),
        ("export requirements.txt", "Print a requirements file"),
    ),
    "drift": (("drift story.ipynb", "Compare with the packages of a notebook"),),
    "restore": (
        ("restore pylock.toml", "Return to the packages of a lock"),
        ("restore story.ipynb --exact", "Uninstall all others, too"),
        ("restore --as-of 2026-10-01", "Return to the releases of a day"),
    ),
    "embed": (
        ("embed story.ipynb", "Save the packages into a notebook"),
        ("embed story.ipynb --script", "Add inline metadata, too"),
    ),
    "copy": (
        ("copy spring", "Copy the environment"),
        ("copy spring --for-python 3.12", "Copy it for another Python"),
        ("copy spring --only pandas --yes", "Copy one package and what it needs"),
    ),
    "copies": (("copies", "List your copies"),),
    "remove-copy": (("remove-copy spring", "Remove a copy and its kernel"),),
    "history": (("history", "List past changes"),),
    "undo": (
        ("undo", "Undo the last change"),
        ("undo TRANSACTION", "Undo this change; history lists the ids"),
    ),
    "recover": (("recover --python .venv/bin/python", "Recover another environment"),),
    "panel": (("panel", "Show the panel of this environment"),),
    "demo": (
        ("demo", "Open the demo in JupyterLab"),
        ("demo --terminal", "Print an example in the terminal"),
    ),
}
_EXAMPLES["list"] = (("list", "List all packages"),)
_MAIN_EXAMPLES = (
    ("updates", "List available updates"),
    ("plan pandas", "Show what an upgrade would change"),
    ("upgrade pandas", "Upgrade one package"),
    ("undo", "Undo the last change"),
)
_COMMAND_LINE_EXAMPLES = (
    *_MAIN_EXAMPLES[:3],
    ("undo --python .venv/bin/python", "Undo in another environment"),
)

_EXIT_CODES = """\
exit codes:
  0  Done.
  1  Failed. The change was rolled back, or the error says what to fix.
  2  Invalid or impossible request. Nothing was changed.
  3  Nothing to do, or not confirmed. Nothing was changed.
  4  An audit found a vulnerability.
  130  Interrupted before a change was started."""


def overview(verbs: Sequence[str]) -> str:
    """Return the text that explains the program and lists its commands."""
    width = max(map(len, verbs))
    lines = (f"  {verb:<{width}}  {_SUMMARIES[verb]}" for verb in verbs)
    return "\n".join([_OVERVIEW, "", "commands:", *lines])


def epilog(program: str, *, magic: bool) -> str:
    """Return the examples of a program, and the exit codes if it has any."""
    if magic:
        parts = [_format_examples(program, _MAIN_EXAMPLES)]
    else:
        parts = [_format_examples(program, _COMMAND_LINE_EXAMPLES), _EXIT_CODES]
    parts.append(f"`{program} COMMAND --help` shows the options and examples of a command.")
    return "\n\n".join(parts)


def description(verb: str, *, magic: bool) -> str:
    """Return what a verb does, as sentences."""
    details = [_DETAILS[verb]] if verb in _DETAILS else []
    if verb in _CHANGING:
        details.append(_APPLYING_IN_MAGIC if magic else _APPLYING)
    return "\n\n".join([f"{_SUMMARIES[verb]}.", *details])


def verb_epilog(program: str, verb: str) -> str:
    """Return the examples of a verb."""
    return _format_examples(program, _EXAMPLES[verb])


def _format_examples(program: str, examples: Sequence[tuple[str, str]]) -> str:
    commands = [f"{program} {arguments}" for arguments, _ in examples]
    width = max(map(len, commands))
    lines = (
        f"  {command:<{width}}  {text}"
        for command, (_, text) in zip(commands, examples, strict=True)
    )
    return "\n".join(["examples:", *lines])
