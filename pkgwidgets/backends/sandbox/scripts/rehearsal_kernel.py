"""Run the kernel of a rehearsal: over a stage, without a history, usually without a network.

An audit hook (PEP 578), which cannot be removed, refuses the connections that Python opens.
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
    """Make Linux kill this kernel when the process that started it ends."""
    import ctypes
    import signal

    library = ctypes.CDLL(None)
    if hasattr(library, "prctl"):
        library.prctl(1, signal.SIGKILL)


def refuse_network() -> None:
    """Refuse connections to other machines, and look-ups of their addresses."""
    local_hosts = ("", "localhost", "::1", "0.0.0.0", "::", os.uname().nodename)  # noqa: S104

    def is_local(host: Any) -> bool:
        host = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        return host is None or host in local_hosts or str(host).startswith("127.")

    def refuse(event: str, arguments: Any) -> None:
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            if not isinstance(arguments[1], tuple) or is_local(arguments[1][0]):
                return
        elif event not in ("socket.getaddrinfo", "socket.gethostbyname") or is_local(arguments[0]):
            return
        raise OSError(101, "Network is unreachable: a rehearsal has no network")

    sys.addaudithook(refuse)


def add_borrowed_modules(folders: Sequence[str], names: Sequence[str]) -> None:
    """Find top-level modules in another environment's folders if this one lacks them."""
    from importlib.machinery import PathFinder
    from importlib.metadata import DistributionFinder, MetadataPathFinder

    class Borrowed:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
            return PathFinder.find_spec(name, folders) if path is None and name in names else None

        @staticmethod
        def find_distributions(context: Any) -> Any:
            """Find metadata by name: IPython 8 imports prompt_toolkit, which reads its own."""
            if str(context.name).replace("-", "_") not in names:
                return ()
            wanted = DistributionFinder.Context(name=context.name, path=[*folders])
            return MetadataPathFinder.find_distributions(wanted)

    sys.meta_path.append(Borrowed)


faulthandler.cancel_dump_traceback_later()
sys.dont_write_bytecode = False
die_with_parent()
if task["block_network"]:
    refuse_network()
if task["borrowed"]:
    add_borrowed_modules(*task["borrowed"])
# Child processes find the staged files too, but also the masked ones.
folders = [folder for _, folder in task["libraries"]]
python_path = os.environ.get("PYTHONPATH")
if folders:
    os.environ["PYTHONPATH"] = os.pathsep.join([*folders, *([python_path] if python_path else [])])
sys.argv = ["ipykernel_launcher", *sys.argv[3:]]
runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)
