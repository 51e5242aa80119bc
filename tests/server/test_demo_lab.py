"""`pkgwidgets demo` with a real server: what it prints, what its kernels leave, how it ends."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyterlab_server import environment_of

pytestmark = pytest.mark.slow

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
GARDEN = "from pkgwidgets import demo; garden = demo.start()"
SENTENCE = re.compile(
    r"The demo is at\s+http://127\.0\.0\.1:(\d+)/lab/tree/quickstart\.ipynb\?token=(\w+)\s+"
    r"until you press Ctrl\+C twice here; then it deletes the environments of its notebooks, "
    r"with the rest of (\S+)\.\s"
)


@dataclass(frozen=True)
class RunningDemo:
    """A demo that has printed its sentence."""

    process: subprocess.Popen[bytes]
    home: Path
    url: str
    token: str
    folder: Path

    @property
    def output(self) -> str:
        return (self.home / "output").read_text()

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Send a request to the server; return the JSON of its answer."""
        request = urllib.request.Request(
            f"{self.url}/api/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def start_kernel(self) -> str:
        """Start a kernel by hand, as the launcher does; return its id."""
        kernel_id: str = self.ask("POST", "kernels", {"name": "python3"})["id"]
        return kernel_id

    def execute(self, kernel_id: str, code: str, *, wait: bool = True) -> str:
        """Run code in a kernel; return the text of its variable `garden`, if there is one."""
        client = BlockingKernelClient()
        client.load_connection_file(str(self.home / "runtime" / f"kernel-{kernel_id}.json"))
        client.start_channels(hb=False, iopub=False, stdin=False)
        try:
            asked = client.execute(code, user_expressions={"folder": "str(garden.folder)"})
            while wait:
                reply = client.get_shell_msg(timeout=60)
                if reply["parent_header"].get("msg_id") == asked:
                    assert reply["content"]["status"] == "ok", reply["content"]
                    result = reply["content"]["user_expressions"]["folder"]
                    return str(result["data"]["text/plain"]).strip("'")
            time.sleep(1)  # so that the request leaves before its channel is closed
        finally:
            client.stop_channels()
        return ""

    def end(self, number: int) -> int:
        """Send a signal to the server and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


def wait_until(holds: Callable[[], Any]) -> None:
    for _ in range(600):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen within a minute")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningDemo]:
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    with (home / "output").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "pkgwidgets", "demo"],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**environment_of(home), "TMPDIR": str(temporary)},
            cwd=home,
            start_new_session=True,
        )
    try:
        output = home / "output"
        wait_until(lambda: SENTENCE.search(output.read_text()) or process.poll() is not None)
        match = SENTENCE.search(output.read_text())
        assert match, output.read_text()
        port, token, folder = match.groups()
        yield RunningDemo(process, home, f"http://127.0.0.1:{port}", token, Path(folder))
    finally:
        process.kill()
        process.wait()


def test_sentence_comes_after_the_lines_of_jupyterlab(running: RunningDemo) -> None:
    before, _, after = running.output.partition("The demo is at")
    assert "is running at:" in before
    assert "Use Control-C to stop this server" in before
    assert not [line for line in after.splitlines() if re.match(r"\[[IWEC] ", line)]


def test_folder_has_all_guide_notebooks_and_nothing_else(running: RunningDemo) -> None:
    listed = {row["name"] for row in running.ask("GET", "contents")["content"]}
    assert listed == {path.name for path in NOTEBOOKS.glob("*.ipynb")}


def test_demo_changes_nothing_in_the_environment_that_it_runs_from(running: RunningDemo) -> None:
    code = (
        "from pkgwidgets import PackageService\n"
        "class garden: folder = PackageService().read_only_reason()"
    )
    reason = running.execute(running.start_kernel(), code)
    assert reason.startswith(f"{sys.prefix} runs the demo, which changes no package of yours.")


def test_shutting_down_a_kernel_deletes_its_environment(running: RunningDemo) -> None:
    kernel = running.start_kernel()
    garden = Path(running.execute(kernel, GARDEN))
    assert garden.is_relative_to(running.folder)
    assert garden.is_dir()
    running.ask("DELETE", f"kernels/{kernel}")
    wait_until(lambda: not garden.exists())


def test_last_kernel_takes_with_it_what_a_killed_one_left(running: RunningDemo) -> None:
    killed, other = running.start_kernel(), running.start_kernel()
    garden = Path(running.execute(killed, GARDEN))
    running.execute(killed, "import os; os.kill(os.getpid(), 9)", wait=False)
    wait_until(lambda: "restarting" in running.output)
    running.ask("DELETE", f"kernels/{killed}")
    assert garden.is_dir()  # another kernel may use it
    kept = Path(running.execute(other, GARDEN))
    running.ask("DELETE", f"kernels/{other}")
    wait_until(lambda: not garden.exists() and not kept.exists())
    again = running.start_kernel()
    assert Path(running.execute(again, GARDEN)).is_dir()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["stopped", "hung-up"])
def test_end_of_the_demo_deletes_everything(running: RunningDemo, number: int) -> None:
    garden = Path(running.execute(running.start_kernel(), GARDEN))
    assert garden.is_dir()
    assert running.end(number) == 0
    assert not running.folder.exists()
    assert not [*running.folder.parent.iterdir()]


def test_two_interrupts_delete_everything(running: RunningDemo) -> None:
    running.execute(running.start_kernel(), GARDEN)
    running.process.send_signal(signal.SIGINT)
    time.sleep(1)
    running.end(signal.SIGINT)
    assert not [*running.folder.parent.iterdir()]
