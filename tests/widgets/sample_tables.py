"""Tables of sample packages, shown in a notebook."""

from __future__ import annotations

from jupyterlab_server import Notebook
from playwright.sync_api import Locator

KINDS = """
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from pkgwidgets.core.environment import Origin
from pkgwidgets.core.packages import VersionStep, PackageInfo, PackageStatus
from pkgwidgets.widgets.package_table import PackageTable

START = datetime(2026, 3, 1, tzinfo=UTC)
messages = []

def newer(latest, change, **more):
    known = dict(latest_version=latest, compatible_version=latest, released=START)
    return known | dict(change=change) | more

KINDS = [
    newer("1.26.5", VersionStep.PATCH, loaded_version="1.26.4"),
    newer("1.27.0", VersionStep.MINOR, requested=True),
    newer("2.1.0", VersionStep.MAJOR, compatible_version="1.27.1", blocked_by="numba (HERE<2.1)"),
    newer("1.26.4", None),
    dict(origin=Origin.EDITABLE),
    dict(error="the index answered HTTP 503"),
    newer("1.27.0", VersionStep.MINOR, requested=True, loaded_version="1.20.0"),
]

def info(n, **more):
    name = f"pod-{n:04}"
    kind = KINDS[n % 7]
    if "blocked_by" in kind:
        kind = kind | dict(blocked_by=kind["blocked_by"].replace("HERE", name))
    return PackageInfo(**dict(
        name=name, version="1.26.4", summary=f"Seeds of row {n}, in rows and in columns",
        installed=START, install_path=Path("/env/lib/python3.12/site-packages"),
        links=(("Home", f"https://example.invalid/{n}"), ("Changes", "http://example.invalid/c")),
    ) | kind | more)
"""
"""Cells can call `info(n)`. By n % 7 the update is a patch, a minor, a blocked major, none or
unknown. Others are editable, or an old version is still loaded."""

SHOWN = """
table = PackageTable(messages.append)
table.show(info(n) for n in range(COUNT))
table.update_header(
    title="Packages", where="Python 3.12.1 · .venv · COUNT installed",
    checked=datetime.now(UTC).isoformat(), busy="", refusal="", notice="",
)
table
"""


def show_table(notebook: Notebook, count: int = 500, *, then: str = "") -> Locator:
    """Show a table of `count` packages in the notebook's only cell."""
    notebook.ask(KINDS)
    return show_source(notebook, SHOWN.replace("COUNT", str(count)) + then)


def show_source(notebook: Notebook, source: str) -> Locator:
    """Run code in the notebook's only cell, and return its output."""
    notebook.rewrite(0, source)
    output = notebook.run(0, wait=True)
    output.locator("section.pkgw:visible").first.wait_for()
    return output


def kernel_messages(notebook: Notebook) -> list[dict[str, object]]:
    """Return the messages that the kernel received, without the ids of the clicks."""
    messages: list[dict[str, object]] = notebook.ask("import json; print(json.dumps(messages))")
    clicks = [message.pop("click") for message in messages if "click" in message]
    assert len(clicks) == len(set(clicks))  # each click came once
    return messages
