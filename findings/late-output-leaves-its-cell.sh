#!/usr/bin/env bash
# A line that a notebook prints late moves to another cell or disappears. The release of ipykernel decides which.
# Cell 1 starts a thread and an asyncio task. Each prints one line while cell 2 runs and waits for it.
# ipykernel labels the task's line with cell 1. It labels the thread's line with cell 1 (7.0.1) or cell 2 (7.4.0).
# The surprise: nbclient drops lines with the label of a cell that has ended. The run succeeds without them.
# Versions: ipykernel 7.0.1 and 7.4.0, nbclient 0.11.0, jupyter_client 8.10.0, nbformat 5.11.1.
# Users await tasks and join threads in the cell that starts them, or collect the lines in a queue and print
# them in the cell that waits. They do not take a missing line for a task that did not run.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1
export IPYTHONDIR="$work/ipython" JUPYTER_CONFIG_DIR="$work/config"
export JUPYTER_DATA_DIR="$work/data" JUPYTER_RUNTIME_DIR="$work/runtime"
"${PYTHON:-python3}" -m venv "$work/venv"
python=$work/venv/bin/python

cat >"$work/late.py" <<'PYTHON'
import time

import nbformat
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

CELLS = [
    """
import asyncio, threading
go, printed = threading.Event(), threading.Event()
ready = asyncio.Event()

def in_thread():
    go.wait(60)
    print("thread-line")
    printed.set()

async def in_task():
    await ready.wait()
    print("task-line")

threading.Thread(target=in_thread, daemon=True).start()
task = asyncio.ensure_future(in_task())
""",
    """
go.set()
assert printed.wait(60)
ready.set()
await task
""",
]


def found(texts):
    """Name, for each of the two lines, the cell that has it."""
    where = []
    for line in ("thread-line", "task-line"):
        where += [f"cell {i}" for i, text in texts.items() if line in text] or ["nowhere"]
    return " | ".join(where)


def labelled_by_kernel():
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=60)
    try:
        cells = {client.execute(code): i for i, code in enumerate(CELLS, 1)}
        texts = dict.fromkeys(cells.values(), "")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and "nowhere" in found(texts):
            message = client.get_iopub_msg(timeout=60)
            if message["msg_type"] == "stream":
                texts[cells[message["parent_header"]["msg_id"]]] += message["content"]["text"]
        return found(texts)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def saved_by_nbclient():
    cells = [nbformat.v4.new_code_cell(code) for code in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    texts = ["".join(output.get("text", "") for output in cell.outputs) for cell in notebook.cells]
    return found(dict(enumerate(texts, 1)))


print(labelled_by_kernel(), saved_by_nbclient(), sep="\n")
PYTHON

"$python" -m pip install --quiet ipykernel==7.0.1 ipython==9.18.1 nbclient==0.11.0 \
    jupyter_client==8.10.0 nbformat==5.11.1
"$python" "$work/late.py" >"$work/older" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
"$python" -m pip install --quiet ipykernel==7.4.0
"$python" "$work/late.py" >"$work/newer" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
{ read -r older_labels; read -r older_saved; } <"$work/older"
{ read -r newer_labels; read -r newer_saved; } <"$work/newer"

"$python" --version
"$python" -m pip freeze | grep -E '^(ipython|nbclient|jupyter_client|nbformat)=='
echo
echo "Expected: both lines are in one cell, under both releases of ipykernel, and none is lost."
echo "Seen:                                     thread | task"
echo "labelled by the kernel, ipykernel 7.0.1:  $older_labels"
echo "labelled by the kernel, ipykernel 7.4.0:  $newer_labels"
echo "saved by nbclient, ipykernel 7.0.1:       $older_saved"
echo "saved by nbclient, ipykernel 7.4.0:       $newer_saved"

changed() {
    echo "$1" >&2
    exit 1
}
[[ $older_labels == "cell 1 | cell 1" ]] || changed "ipykernel 7.0.1 labels late lines otherwise."
[[ $newer_labels == "cell 2 | cell 1" ]] || changed "ipykernel 7.4.0 labels late lines otherwise."
[[ $older_saved == "nowhere | nowhere" ]] || changed "nbclient keeps lines of cells that have ended."
[[ $newer_saved == "cell 2 | nowhere" ]] || changed "nbclient keeps late lines otherwise."
