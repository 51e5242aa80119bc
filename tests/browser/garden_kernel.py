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
    links = []
    for number, place in enumerate((Path(pkgwidgets.__file__).parent.parent, _libraries())):
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
            "PATH": f"{Path(uv.find_uv_bin()).parent}:/usr/bin:/bin",
        },
    }
    folder = lab.folder.parent / "data" / "kernels" / "garden"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kernel.json").write_text(json.dumps(spec))
    lab.write(name, HEAD.format(url=garden.index_url).strip(), *cells)
    content = nbformat.read(lab.folder / name, as_version=4)  # type: ignore[no-untyped-call]
    content.metadata["kernelspec"] = {"name": "garden", "display_name": "Garden"}
    nbformat.write(content, lab.folder / name)  # type: ignore[no-untyped-call]


def _libraries() -> Path:
    return Path(packaging.__file__).parent.parent
