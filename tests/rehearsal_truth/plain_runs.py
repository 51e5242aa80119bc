"""Check the truth itself: run the notebooks plainly, before and after the real upgrade."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import nbformat
import uv
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from rehearsal_truth.environments import Environments
from rehearsal_truth.truth import Cell, Truth, TruthNotebook

from pkgwidgets import PackageService
from pkgwidgets.analysis.notebook_runs import CellRun, parse_markers
from pkgwidgets.core.plans import Plan

_PER_RUN = ("execution_count", "metadata", "traceback")
"""Keys of an output that no reader sees, or that hold paths of the run."""


class _OneKernel(KernelSpecManager):
    argv: list[str] = []  # noqa: RUF012 - traitlets copies it for each instance

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(argv=self.argv, display_name=kernel_name, language="python")


def check(notebooks: Sequence[TruthNotebook], environments: Environments, folder: Path) -> int:
    """Print the cells whose truth the plain runs contradict; return 1 if there are any."""
    wrong = 0
    ordered = sorted(notebooks, key=_upgrade_of)
    for (name, *_), group in groupby(ordered, key=_upgrade_of):
        same_upgrade = list(group)
        service, plan = environments.service(name), environments.plan(same_upgrade[0])
        runs = [[_run(n, service, folder / "before") for n in same_upgrade] for _ in range(2)]
        with _upgraded(service, plan):
            runs.append([_run(n, service, folder / "after") for n in same_upgrade])
        for notebook, *cell_runs in zip(same_upgrade, *runs, strict=True):
            for cell, before, again, after in zip(notebook.cells, *cell_runs, strict=True):
                problem = _contradiction(cell, before, again, after)
                wrong += bool(problem)
                place = f"{notebook.name}, cell {before.number}"
                if problem:
                    print(f"{place}: {cell.truth.name}, but {problem}", flush=True)
                    print(*(f"    {run.text!r}"[:300] for run in (before, again, after)), sep="\n")
    print(f"{len(notebooks)} notebooks; {wrong} cells contradict their truth")
    return int(wrong > 0)


def _contradiction(cell: Cell, before: CellRun, again: CellRun, after: CellRun) -> str:
    """Return what a plain run says against the truth of a cell; "" if nothing."""
    fails_before, fails_after = bool(before.error), bool(after.error)
    expected = {
        Truth.BREAKS: (False, True),
        Truth.UNTRIED: (True, True),
        Truth.FAILS_DIFFERENTLY: (True, True),
        Truth.FIXED: (True, False),
    }.get(cell.truth, (False, False))
    if (fails_before, fails_after) != expected:
        return f"before: {before.error or 'no error'}; after: {after.error or 'no error'}"
    if bool(again.error) != fails_before:
        return "it fails only sometimes"
    seen = [_visible(run) for run in (before, again, after)]
    if cell.truth is Truth.SAME and not seen[0] == seen[1] == seen[2]:
        return "its outputs differ"
    if cell.truth is Truth.CHANGES and seen[0] == seen[2]:
        return "its output is the same"
    if cell.truth is Truth.NOISE and seen[0] == seen[1] == seen[2]:
        return "all its outputs are the same"
    names = {run.error.partition(":")[0] for run in (before, after)}
    if cell.truth in (Truth.UNTRIED, Truth.FAILS_DIFFERENTLY):
        is_other = len(names) > 1
        if is_other is (cell.truth is Truth.UNTRIED):
            return f"its errors are {names}"
    return ""


def _visible(run: CellRun) -> str:
    """Return the outputs as text, with the parts of each stream joined; warnings are left out."""
    outputs: list[object] = []
    streams: dict[str, str] = {}
    for output in run.outputs:
        if output["output_type"] == "stream":
            streams[output["name"]] = streams.get(output["name"], "") + output["text"]
        else:
            outputs.append({key: value for key, value in output.items() if key not in _PER_RUN})
    if run.warnings:
        streams.pop("stderr")
    return json.dumps([outputs, streams], sort_keys=True)


def _upgrade_of(notebook: TruthNotebook) -> tuple[str, str, str]:
    return notebook.environment, " ".join(notebook.upgrade), notebook.version or ""


def _run(notebook: TruthNotebook, service: PackageService, folder: Path) -> list[CellRun]:
    """Run a notebook in a new copy of its project."""
    shutil.rmtree(folder, ignore_errors=True)
    path = notebook.write(folder)
    specs = _OneKernel()
    _add_kernel(service)
    python = str(service.prefix / "bin" / "python")
    specs.argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    content = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        content,
        km=AsyncKernelManager(kernel_spec_manager=specs),
        resources={"metadata": {"path": str(path.parent)}},
        allow_errors=True,
        skip_cells_with_tag="nbval-skip",
        shutdown_kernel="immediate",
    )
    # A kernel of a given manager is kept by default.
    client.execute(cleanup_kc=True, stderr=subprocess.DEVNULL)
    return [
        CellRun(
            number=number,
            source=cell.source,
            outputs=tuple(json.loads(json.dumps(cell.outputs))),
            markers=parse_markers(cell.source, cell.metadata.get("tags", [])),
        )
        for number, cell in enumerate(content.cells, 1)
    ]


def _add_kernel(service: PackageService) -> None:
    """Let an environment without ipykernel find the one of this process."""
    (site,) = service.prefix.glob("lib/python*/site-packages")
    if not (site / "ipykernel").is_dir():
        (site / "kernel-of-the-tests.pth").write_text(sysconfig.get_path("purelib"))


@contextmanager
def _upgraded(service: PackageService, plan: Plan) -> Iterator[None]:
    """Install what a plan changes, for a block."""
    python = str(service.prefix / "bin" / "python")
    old = [f"{change.name}=={change.before}" for change in plan.changes if change.before]
    argv = [uv.find_uv_bin(), "pip", "install", "--quiet", "--no-deps", "--python", python]
    index = ["--default-index", service.index_url] if service.index_url else []
    subprocess.run([*argv, *index, *plan.pins], check=True)
    yield
    subprocess.run([*argv, *index, *old], check=True)
