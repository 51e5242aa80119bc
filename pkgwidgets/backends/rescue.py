"""Recovery without us: a zip application of exactly the modules that recovery is made of.

It is run as `python -I -S recover.pyz`, with any Python that we run on, and needs nothing else.
"""

from __future__ import annotations

import io
import zipfile
from functools import cache

from .edition import OURS

MODULES = (
    "core/errors.py",
    "core/facts.py",
    "core/words.py",
    "backends/digests.py",
    "backends/disk.py",
    "backends/lines.py",
    "backends/lock.py",
    "backends/manifest.py",
    "backends/restoring.py",
    "backends/savepoint.py",
    "backends/strays.py",
    "operations/recovery.py",
    "recover.py",
)
"""Standard library only, and one another; tests/faults/test_rescue.py watches that."""
_PACKAGES = ("", "core/", "backends/", "operations/")
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
            file.writestr(f"pkgwidgets/{module}", OURS.content(module))
    return made.getvalue()
