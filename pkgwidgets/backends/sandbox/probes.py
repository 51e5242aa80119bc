"""The source texts of scripts for the environment's interpreter, which cannot import ours.

They are read at import time, so they match this process, whatever is installed later.
"""

from __future__ import annotations

import re
from pathlib import Path

MARK = "pkgwidgets-trial:"
"""The prefix of each line that a probe reports."""

_SCRIPTS = Path(__file__).parent / "scripts"
_OWN_IMPORTS = re.compile(r"^from (?:\.\w+|__future__) import .*\n", re.MULTILINE)


def _join_scripts(*names: str) -> str:
    """Join scripts to one text, without their imports of each other."""
    texts = ((_SCRIPTS / f"{name}.py").read_text("utf-8") for name in names)
    return "from __future__ import annotations\n" + _OWN_IMPORTS.sub("", "\n".join(texts))


IMPORT_CHECK = _join_scripts(
    *("report", "surroundings", "note_new_files", "watch_replaced", "staged_imports"),
    "import_modules",
)
START_KERNEL = _join_scripts("report", "note_new_files", "staged_imports", "start_kernel")
REHEARSAL_KERNEL = _join_scripts(
    *("forget_script_folder", "report", "staged_imports", "refuse_writes", "rehearsal_kernel")
)
RUN_NOTEBOOKS = _join_scripts(
    "skip_format_checks", "picture_summary", "widget_trees", "run_notebooks"
)
