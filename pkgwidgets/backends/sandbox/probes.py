"""The scripts that run in the environment's own interpreter, as texts: it cannot import ours.

They are read when this is imported, and so fit this process, whatever is installed later.
"""

from __future__ import annotations

import re
from pathlib import Path

MARK = "pkgwidgets-trial:"
"""What the lines begin with that a probe reports."""

_SCRIPTS = Path(__file__).parent / "scripts"
_OWN_IMPORTS = re.compile(r"^from (?:\.\w+|__future__) import .*\n", re.MULTILINE)


def _joined(*names: str) -> str:
    """Return scripts as one, without what they import of each other."""
    texts = ((_SCRIPTS / f"{name}.py").read_text("utf-8") for name in names)
    return "from __future__ import annotations\n" + _OWN_IMPORTS.sub("", "\n".join(texts))


IMPORT_CHECK = _joined("report", "staged_imports", "import_check")
START_KERNEL = _joined("report", "staged_imports", "start_kernel")
REHEARSAL_KERNEL = _joined("forget_script_folder", "report", "staged_imports", "rehearsal_kernel")
RUN_NOTEBOOKS = _joined("skip_format_checks", "run_notebooks")
