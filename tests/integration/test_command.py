"""An interrupt after the command line has finished ends its process at once."""

from __future__ import annotations

import signal
import subprocess
import sys

REFUSED = ["install", "--index-url=x"]
"""Arguments that are refused before anything starts."""


_WHEN_ALL_IS_DONE = f"""
import os, signal, sys
from pkgwidgets import __main__

sys.argv[1:] = {REFUSED}
try:
    __main__.run()
except SystemExit as end:
    print(end.code, flush=True)
os.kill(os.getpid(), signal.SIGINT)
"""


def test_interrupt_after_completion_ends_the_process_without_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WHEN_ALL_IS_DONE], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (-signal.SIGINT, "2\n")
    assert "Traceback" not in done.stderr
