"""Notebooks whose kernel runs in the garden, so that loaded packages can be upgraded."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

import nbformat
import uv
from borrowed_libraries import borrow_libraries
from jupyterlab_server import Lab

from pkgwidgets.demo import Demo

HEAD = """
import sys
from pkgwidgets import PackagePanel, PackageService
from pkgwidgets.connect import connect
service = PackageService(index_url={url!r})
service._backend = connect(sys.executable, {url!r})  # plans are carried out in this process
"""
PANEL = "panel = PackagePanel(service)\npanel"


def write_notebook(lab: Lab, garden: Demo, name: str, *cells: str) -> None:
    """Write a notebook whose kernel runs in the garden; its first cell creates the service.

    pkgwidgets and its dependencies are not installed there, but are on the kernel's path.
    """
    head = HEAD.format(url=garden.index_url).strip()
    write_garden_notebook(lab, garden, name, head, *cells)


def write_garden_notebook(
    lab: Lab,
    garden: Demo,
    name: str,
    *cells: str,
    has_pkgwidgets: bool = True,
    without: Collection[str] = (),
    kernel: str = "",
) -> None:
    """Write a notebook whose kernel runs in the garden and has its index.

    The libraries in `without` are not on its path. `kernel` is the name of its specification.
    """
    kernel = kernel or ("garden" if has_pkgwidgets else "bare-garden")
    place = lab.folder.parent / f"borrowed-by-{kernel}"
    borrowed = borrow_libraries(place, has_pkgwidgets=has_pkgwidgets, without=without)
    spec = {
        "argv": [str(garden.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Garden",
        "language": "python",
        "env": {
            "PYTHONPATH": str(borrowed),
            "PYTHONDONTWRITEBYTECODE": "1",
            "UV_DEFAULT_INDEX": garden.index_url,
            "PATH": f"{Path(uv.find_uv_bin()).parent}:/usr/bin:/bin",
        },
    }
    folder = lab.folder.parent / "data" / "kernels" / kernel
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kernel.json").write_text(json.dumps(spec))
    lab.write(name, *cells)
    content = nbformat.read(lab.folder / name, as_version=4)  # type: ignore[no-untyped-call]
    content.metadata["kernelspec"] = {"name": kernel, "display_name": "Garden"}
    nbformat.write(content, lab.folder / name)  # type: ignore[no-untyped-call]
