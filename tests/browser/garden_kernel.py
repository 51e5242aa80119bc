"""Notebooks whose kernel runs in the garden, so that loaded packages can be upgraded."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import packaging
import uv
from jupyterlab_server import Lab

import pkgwidgets
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
    lab: Lab, garden: Demo, name: str, *cells: str, has_pkgwidgets: bool = True
) -> None:
    """Write a notebook whose kernel runs in the garden and has its index."""
    links = []
    places = (_libraries(), *((Path(pkgwidgets.__file__).parent.parent,) * has_pkgwidgets))
    for number, place in enumerate(places):
        # By another name: what is in a folder called site-packages is installed.
        link = lab.folder.parent / f"lent-{number}"
        if not link.exists():
            link.symlink_to(place)
        links.append(str(link))
    spec = {
        "argv": [str(garden.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Garden",
        "language": "python",
        "env": {
            "PYTHONPATH": ":".join(links),
            "PYTHONDONTWRITEBYTECODE": "1",
            "UV_DEFAULT_INDEX": garden.index_url,
            "PATH": f"{Path(uv.find_uv_bin()).parent}:/usr/bin:/bin",
        },
    }
    kernel = "garden" if has_pkgwidgets else "bare-garden"
    folder = lab.folder.parent / "data" / "kernels" / kernel
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kernel.json").write_text(json.dumps(spec))
    lab.write(name, *cells)
    content = nbformat.read(lab.folder / name, as_version=4)  # type: ignore[no-untyped-call]
    content.metadata["kernelspec"] = {"name": kernel, "display_name": "Garden"}
    nbformat.write(content, lab.folder / name)  # type: ignore[no-untyped-call]


def _libraries() -> Path:
    return Path(packaging.__file__).parent.parent
