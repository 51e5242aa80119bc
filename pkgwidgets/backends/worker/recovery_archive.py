"""Recovery without us: a zip application of exactly the modules that recovery is made of.

It is run as `python -I -S recover.pyz`, with any Python that we run on, and needs nothing else.
"""

from __future__ import annotations

import io
import zipfile
from functools import cache

from .code_snapshot import CURRENT

MODULES = (
    "core/errors.py",
    "core/error_json.py",
    "core/hints.py",
    "core/redaction.py",
    "backends/store/file_hashes.py",
    "backends/store/filesystem.py",
    "backends/store/journal_file.py",
    "backends/store/lock.py",
    "backends/store/manifest.py",
    "backends/store/restore.py",
    "backends/store/savepoint.py",
    "backends/store/leftovers.py",
    "operations/recovery.py",
    "recover.py",
)
"""Standard library only, and one another; tests/faults/test_rescue.py watches that."""
_PACKAGES = ("", "core/", "backends/", "backends/store/", "operations/")
_MAIN = "from pkgwidgets.recover import main\n\nraise SystemExit(main())\n"


@cache
def archive() -> bytes:
    """Return the bytes of `recover.pyz`: of our own edition, whatever is installed by now."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("__main__.py", _MAIN)
        for package in _PACKAGES:
            file.writestr(f"pkgwidgets/{package}__init__.py", "")
        for module in MODULES:
            file.writestr(f"pkgwidgets/{module}", CURRENT.content(module))
    return made.getvalue()
