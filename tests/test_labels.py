"""The buttons of the panel and the documents have the same names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pkgwidgets.core.errors import StillNeeded
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.presentation.labels import SENT_LABELS
from pkgwidgets.presentation.row_actions import row_action
from pkgwidgets.presentation.wider_request import unlock_label
from pkgwidgets.widgets.assets import STATIC

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(ROOT / ".github").glob("*.md"),
    *(ROOT / "notebooks").glob("*.ipynb"),
]
SIDE_BAR = STATIC.parent.parent / "labextension" / "static" / "notebook_lock.js"
SCRIPTS = {file.name: file.read_text("utf-8") for file in (*STATIC.rglob("*.js"), SIDE_BAR)}

LABELS = dict(
    re.findall(
        r'^  (\w+): "([^"]+)",$',
        SCRIPTS["labels.js"] + SCRIPTS[SIDE_BAR.name],
        re.MULTILINE,
    )
)
TITLES = re.findall(r'\btitle: "([^"]+)"', SCRIPTS["rows.js"])
"""The names of chips and columns."""
CLUSTER_PANEL = (ROOT / "pkgwidgets" / "widgets" / "cluster_panel.py").read_text("utf-8")
CLUSTER_LABELS = re.findall(r'_button\("([^"]+)"', CLUSTER_PANEL)
BUTTONS = {*LABELS.values(), *SENT_LABELS, *CLUSTER_LABELS}
NAMES = {*BUTTONS, *TITLES, "Filter", "Packages"}

OLD_NAMES = (
    "Plan…",
    "Blocked…",
    "Look",
    "Uninstall",
    "Allow changes to other packages",
    "Plan upgrade",
    "Plan alignment",
    "Plan undo",
    "Try",
    "Try this notebook first",
    "Upgrade what this notebook survives…",
)
EMPHASISED = re.compile(r"(?<![*\w])\*([A-Z][^*\n]*[^*\n.])\*(?![*\w])")
"""A name in a document: emphasised, with a capital letter, and not a sentence."""
WITH_DETAILS = re.compile(r" \(\d+(?: of \d+)?\)(?=…)| to \d[\w.]*(?=…$)")
"""What a button adds to its name: `Upgrade all (6)…`, `Upgrade to 2.4.0…`."""
OWN_LABEL = re.compile(r'\b(?:button|part|foldButton)\("(?!"|×")')
"""A button whose name is not in the table."""


def _prose(file: Path) -> str:
    text = file.read_text("utf-8")
    if file.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def _emphasised_names(text: str) -> Iterator[str]:
    for match in EMPHASISED.finditer(text):
        yield WITH_DETAILS.sub("", match[1])


def test_names_are_found_in_the_panel() -> None:
    assert {"Check for updates", "Why blocked?", "Loaded here", "Blocked by", "Redo"} <= NAMES


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_documents_use_the_names_of_the_panel(file: Path) -> None:
    assert set(_emphasised_names(_prose(file))) <= NAMES


@pytest.mark.parametrize("name", ["README.md", "panel.ipynb", "quickstart.ipynb"])
def test_names_are_found_in_the_documents(name: str) -> None:
    (file,) = (file for file in DOCUMENTS if file.name == name)
    assert list(_emphasised_names(_prose(file)))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("press *Upgrade all (6)…* now", ["Upgrade all…"]),
        ("press *Upgrade all (6 of 7)…* now", ["Upgrade all…"]),
        ("*Upgrade to 2.4.0…*, *Cancel*", ["Upgrade…", "Cancel"]),
        ("**Not this**, *nor this*, *And no sentence.*", []),
    ],
)
def test_emphasised_name_is_found(text: str, names: list[str]) -> None:
    assert list(_emphasised_names(text)) == names


def test_no_old_name_is_left() -> None:
    assert NAMES.isdisjoint(OLD_NAMES)
    sources = [*(ROOT / "pkgwidgets").rglob("*.py"), *STATIC.rglob("*.js")]
    quoted = re.compile("|".join(f"[\"']{re.escape(name)}[\"']" for name in OLD_NAMES))
    assert [file.name for file in sources if quoted.search(file.read_text("utf-8"))] == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_buttons_take_their_names_from_the_table(name: str) -> None:
    assert OWN_LABEL.findall(SCRIPTS[name]) == []


@pytest.mark.parametrize("key", LABELS)
def test_every_label_is_used(key: str) -> None:
    assert any(f"LABELS.{key}" in text for text in SCRIPTS.values())


def _button_rows() -> list[tuple[str, str]]:
    """Return the rows of the table of buttons in STYLE.md: what they do, and their names."""
    style = (ROOT / ".github" / "STYLE.md").read_text("utf-8")
    section = style.partition("\n## Buttons\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| *")]
    return [(does.strip(), name) for names, does in rows for name in _emphasised_names(names)]


def test_table_of_buttons_has_each_once() -> None:
    listed = sorted(name for _, name in _button_rows())
    assert listed == sorted(BUTTONS)


@pytest.mark.parametrize(("does", "name"), _button_rows(), ids=[n for _, n in _button_rows()])
def test_button_that_asks_or_plans_first_ends_in_an_ellipsis(does: str, name: str) -> None:
    assert does.startswith(("shows a plan", "asks", "acts at once"))
    assert name.endswith("…") is not does.startswith("acts at once")


def test_labels_of_versions_and_names_keep_the_ellipsis() -> None:
    blocked = PackageInfo(name="pea", version="1.0", latest_version="2.0", compatible_version="1.5")
    needed = StillNeeded(("pea",), ("pod",))
    assert row_action(blocked).label == "Upgrade to 1.5…"
    assert unlock_label(needed) == "Uninstall pod as well…"
