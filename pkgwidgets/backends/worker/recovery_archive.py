"""Build `recover.pyz`: a zip application with exactly the modules that recovery needs.

Run it as `python -I -S recover.pyz`, with any Python that pkgwidgets supports.
"""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import PurePosixPath

from .code_snapshot import current_files

_MAIN = "from {module} import main\n\nraise SystemExit(main())\n"


@cache
def archive(entry_point: str, files: tuple[str, ...]) -> bytes:
    """Return the bytes of `recover.pyz`, made of the code that this process runs.

    It runs `main()` of the module `entry_point`. `files` are modules and folders of this package,
    as `core/errors.py` or `backends/store/`. They may import only the standard library and each
    other.
    """
    package = PurePosixPath(entry_point.partition(".")[0])
    code = current_files(files)
    modules = [name for file in files for name in code.modules(file)]
    folders = {folder for name in modules for folder in (package / name).parents}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("__main__.py", _MAIN.format(module=entry_point))
        for folder in sorted(folders - {PurePosixPath()}):
            file.writestr(f"{folder}/__init__.py", "")
        for name in modules:
            file.writestr(f"{package}/{name}", code.content(name))
    return buffer.getvalue()
