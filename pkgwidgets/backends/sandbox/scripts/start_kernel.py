"""Start a kernel, let it add one and one, and report whether it did.

The kernel is another process of this script, with a connection file in its task, so it imports
from the same stage. Its Jupyter folders are in the working directory, not those of the user.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

from .report import format_error, report_step, task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

_FOLDER_VARIABLES = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")


def run_kernel() -> None:
    """Run the kernel in this process, which another process of this script started."""
    sys.argv = ["ipykernel_launcher", "-f", task["connection"]]
    import runpy

    runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)


def check_kernel() -> None:
    """Start a kernel and ask it for a sum."""
    folder = os.getcwd()
    for name in _FOLDER_VARIABLES:
        os.environ[name] = os.path.join(folder, name)
    os.environ["JPY_PARENT_PID"] = str(os.getpid())
    kernel = None
    try:
        report_step("trying", "a kernel")
        from jupyter_client.blocking.client import BlockingKernelClient
        from jupyter_client.connect import write_connection_file

        task["connection"] = os.path.join(folder, "kernel.json")
        write_connection_file(task["connection"], transport="ipc", ip=os.path.join(folder, "k"))
        with open("kernel-task", "w", encoding="utf-8") as file:
            json.dump(task, file)
        kernel_output = open("errors", "w+b")  # noqa: SIM115 - the kernel writes to it
        argv = [sys.executable, *task["flags"], "-c", task["source"], "kernel-task", "kernel:"]
        kernel = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=kernel_output, stderr=kernel_output
        )
        client = BlockingKernelClient(connection_file=task["connection"])
        client.load_connection_file()
        client.start_channels()
        wait_for_kernel(client, kernel, kernel_output)
        answer = client.execute("", user_expressions={"sum": "1+1"}, reply=True, timeout=30)
        result = answer["content"]["user_expressions"]["sum"]["data"]["text/plain"]
        verdict = "fine" if result == "2" else "failed"
        report_step(verdict, "a kernel", "it answers " + repr(result) + " to 1+1")
    except BaseException as error:
        message = str(error) if type(error) is RuntimeError else format_error(error)
        report_step("failed", "a kernel", message[:500])
    finally:
        if kernel is not None:
            kernel.kill()


def wait_for_kernel(client: Any, kernel: subprocess.Popen[bytes], kernel_output: BinaryIO) -> None:
    """Wait until the kernel answers; raise RuntimeError with its last line of output if not."""
    deadline = time.monotonic() + task["timeout_seconds"]
    while True:
        try:
            client.wait_for_ready(timeout=1)
            return
        except RuntimeError:
            if kernel.poll() is not None or time.monotonic() > deadline:
                kernel_output.seek(0)
                lines = kernel_output.read().decode("utf-8", "replace").splitlines()
                texts = [line for line in lines if line.strip() and not line.startswith("kernel:")]
                raise RuntimeError(
                    "it does not start: " + (texts or ["no error message"])[-1]
                ) from None


if "connection" in task:
    run_kernel()
else:
    check_kernel()
os._exit(0)
