"""Be the kernel of a rehearsal: over a stage, without a history, mostly without a network.

What Python itself opens is refused by an audit hook (PEP 578), which nothing can take away again.
"""

from __future__ import annotations

import faulthandler
import os
import runpy
import sys

from .report import task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from typing import Any


def die_with_parent() -> None:
    """Let the system end this kernel when the process that started it ends."""
    import ctypes
    import signal

    library = ctypes.CDLL(None)
    if hasattr(library, "prctl"):
        library.prctl(1, signal.SIGKILL)


def refuse_network() -> None:
    """Refuse connections to other machines, and questions for their addresses."""
    here = ("", "localhost", "::1", "0.0.0.0", "::", os.uname().nodename)  # noqa: S104

    def is_here(host: Any) -> bool:
        host = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        return host is None or host in here or str(host).startswith("127.")

    def refuse(event: str, args: Any) -> None:
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            if not isinstance(args[1], tuple) or is_here(args[1][0]):
                return
        elif event not in ("socket.getaddrinfo", "socket.gethostbyname") or is_here(args[0]):
            return
        raise OSError(101, "Network is unreachable: a rehearsal has none")

    sys.addaudithook(refuse)


def borrow(folders: Sequence[str], names: Sequence[str]) -> None:
    """Find these top-level modules in folders of another environment, if this one has none."""
    from importlib.machinery import PathFinder

    class Borrowed:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
            return PathFinder.find_spec(name, folders) if path is None and name in names else None

    sys.meta_path.append(Borrowed)


faulthandler.cancel_dump_traceback_later()
sys.dont_write_bytecode = False
die_with_parent()
if task["alone"]:
    refuse_network()
if task["lent"]:
    borrow(*task["lent"])
# Processes that it starts see what is staged, though not that the old is hidden.
folders = [folder for _, folder in task["libraries"]]
before = os.environ.get("PYTHONPATH")
if folders:
    os.environ["PYTHONPATH"] = os.pathsep.join([*folders, *([before] if before else [])])
sys.argv = ["ipykernel_launcher", *sys.argv[3:]]
runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)
