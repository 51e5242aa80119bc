"""Start a kernel, let it add one and one, and report whether it did.

The kernel is a process of its own that runs this same script, with a connection file in its task:
so it sees the same stage. What it would read of the user's is in the working directory instead.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

from .report import say, task, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

_FOLDERS = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")


def be_kernel() -> None:
    """Run the kernel that another process of this script started."""
    sys.argv = ["ipykernel_launcher", "-f", task["connection"]]
    import runpy

    runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)


def try_kernel() -> None:
    """Start a kernel and ask it for a sum."""
    here = os.getcwd()
    for name in _FOLDERS:
        os.environ[name] = os.path.join(here, name)
    os.environ["JPY_PARENT_PID"] = str(os.getpid())
    kernel = None
    try:
        say("trying", "a kernel")
        from jupyter_client.blocking.client import BlockingKernelClient
        from jupyter_client.connect import write_connection_file

        task["connection"] = os.path.join(here, "kernel.json")
        write_connection_file(task["connection"], transport="ipc", ip=os.path.join(here, "k"))
        with open("kernel-task", "w", encoding="utf-8") as file:
            json.dump(task, file)
        errors = open("errors", "w+b")  # noqa: SIM115 - the kernel writes to it
        argv = [sys.executable, *task["flags"], "-c", task["source"], "kernel-task", "kernel:"]
        kernel = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
        client = BlockingKernelClient(connection_file=task["connection"])
        client.load_connection_file()
        client.start_channels()
        wait_for(client, kernel, errors)
        answer = client.execute("", user_expressions={"sum": "1+1"}, reply=True, timeout=30)
        found = answer["content"]["user_expressions"]["sum"]["data"]["text/plain"]
        verdict = "fine" if found == "2" else "failed"
        say(verdict, "a kernel", "it answers " + repr(found) + " to 1+1")
    except BaseException as error:
        said = str(error) if type(error) is RuntimeError else words(error)
        say("failed", "a kernel", said[:500])
    finally:
        if kernel is not None:
            kernel.kill()


def wait_for(client: Any, kernel: subprocess.Popen[bytes], errors: BinaryIO) -> None:
    """Wait until the kernel answers; raises RuntimeError with its last words if it does not."""
    until = time.monotonic() + task["patience"]
    while True:
        try:
            client.wait_for_ready(timeout=1)
            return
        except RuntimeError:
            if kernel.poll() is not None or time.monotonic() > until:
                errors.seek(0)
                lines = errors.read().decode("utf-8", "replace").splitlines()
                told = [line for line in lines if line.strip() and not line.startswith("kernel:")]
                raise RuntimeError(
                    "it does not start: " + (told or ["without a word"])[-1]
                ) from None


if "connection" in task:
    be_kernel()
else:
    try_kernel()
os._exit(0)
