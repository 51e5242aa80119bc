"""`pkgwidgets demo` with a real server: what it prints, what its kernels leave, how it ends."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyterlab_server import environment_of

from pkgwidgets.demo import stand_ins

pytestmark = pytest.mark.slow

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
GARDEN = "from pkgwidgets import demo; garden = demo.start()"
ANOTHER = "from pkgwidgets import demo; demo.start(); garden = demo.start()"
LISTING = """
from pkgwidgets import PackageService
service = PackageService()
class garden: folder = [f"{row.name} {row.version}" for row in service.values.packages()]
"""
SENTENCE = re.compile(
    r"The demo is at\s+http://127\.0\.0\.1:(\d+)/lab/tree/quickstart\.ipynb\?token=(\w+)\s+"
    r"until you press Ctrl\+C twice here; then it deletes the environments of its notebooks, "
    r"with the rest of (\S+)\.\s"
)


@dataclass(frozen=True)
class RunningDemo:
    """A demo that has printed its sentence."""

    process: subprocess.Popen[bytes]
    log: Path
    url: str
    token: str
    folder: Path

    @property
    def output(self) -> str:
        return self.log.read_text()

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Send a request to the server; return the JSON of its answer."""
        request = urllib.request.Request(
            f"{self.url}/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def start_kernel(self) -> str:
        """Start a kernel without a notebook; return its id."""
        kernel_id: str = self.ask("POST", "api/kernels", {"name": "python3"})["id"]
        return kernel_id

    def execute(self, kernel_id: str, code: str, *, wait: bool = True) -> str:
        """Run code in a kernel; return the text of its variable `garden`, if there is one."""
        client = BlockingKernelClient()
        runtime = self.folder / "home" / "runtime"
        client.load_connection_file(str(runtime / f"kernel-{kernel_id}.json"))
        client.start_channels(hb=False, iopub=False, stdin=False)
        try:
            asked = client.execute(code, user_expressions={"folder": "str(garden.folder)"})
            while wait:
                reply = client.get_shell_msg(timeout=60)
                if reply["parent_header"].get("msg_id") == asked:
                    assert reply["content"]["status"] == "ok", reply["content"]
                    result = reply["content"]["user_expressions"]["folder"]
                    return str(ast.literal_eval(result["data"]["text/plain"]))
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


@contextmanager
def started(folder: Path, variables: Mapping[str, str]) -> Iterator[RunningDemo]:
    """Run a demo with these variables, and with a folder for temporary files in `folder`."""
    temporary, log = folder / "tmp", folder / "output"
    temporary.mkdir()
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "pkgwidgets", "demo"],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**variables, "TMPDIR": str(temporary)},
            cwd=folder,
            start_new_session=True,
        )
    try:
        wait_until(lambda: SENTENCE.search(log.read_text()) or process.poll() is not None)
        match = SENTENCE.search(log.read_text())
        assert match, log.read_text()
        port, token, place = match.groups()
        yield RunningDemo(process, log, f"http://127.0.0.1:{port}", token, Path(place))
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningDemo]:
    home = tmp_path / "home"
    home.mkdir()
    with started(tmp_path, environment_of(home)) as demo:
        yield demo


def test_sentence_comes_after_the_lines_of_jupyterlab(running: RunningDemo) -> None:
    before, _, after = running.output.partition("The demo is at")
    assert "is running at:" in before
    assert "Use Control-C to stop this server" in before
    assert f"{running.url}/lab?token={running.token}\n" in before  # not Jupyter's "token=..."
    assert "token=..." not in running.output
    assert not [line for line in after.splitlines() if re.match(r"\[[IWEC] ", line)]


def test_folder_has_all_guide_notebooks_and_nothing_else(running: RunningDemo) -> None:
    listed = {row["name"] for row in running.ask("GET", "api/contents")["content"]}
    assert listed == {path.name for path in NOTEBOOKS.glob("*.ipynb")}


def test_demo_changes_nothing_in_the_environment_that_it_runs_from(running: RunningDemo) -> None:
    code = (
        "from pkgwidgets import PackageService\n"
        f"class garden: folder = PackageService({sys.executable!r}).read_only_reason()"
    )
    reason = running.execute(running.start_kernel(), code)
    assert reason.startswith(f"{sys.prefix} runs the demo, which changes no package of yours.")


def test_shutting_down_a_kernel_deletes_its_environment(running: RunningDemo) -> None:
    kernel = running.start_kernel()
    garden = Path(running.execute(kernel, GARDEN))
    assert garden.is_relative_to(running.folder)
    assert garden.is_dir()
    running.ask("DELETE", f"api/kernels/{kernel}")
    wait_until(lambda: not garden.exists())


def test_killed_kernel_takes_with_it_what_it_left(running: RunningDemo) -> None:
    killed, other = running.start_kernel(), running.start_kernel()
    left, kept = (Path(running.execute(kernel, ANOTHER)) for kernel in (killed, other))
    running.execute(killed, "import os; os.kill(os.getpid(), 9)", wait=False)
    wait_until(lambda: "restarting" in running.output)
    running.execute(killed, "class garden: folder = 1")  # it runs again
    running.ask("DELETE", f"api/kernels/{killed}")
    wait_until(lambda: not left.exists())
    assert kept.is_dir()
    running.ask("DELETE", f"api/kernels/{other}")
    wait_until(lambda: not [*(running.folder / "kernels").iterdir()])


def test_kernel_runs_in_the_environment_that_its_notebook_gets(running: RunningDemo) -> None:
    kernel = running.start_kernel()
    assert len(ast.literal_eval(running.execute(kernel, LISTING))) == 11
    running.execute(kernel, "done = service.upgrade_package('seedshelf')")  # as the panel does
    code = f"{GARDEN}\nimport sys; mine = garden; assert str(mine.python) == sys.executable"
    place = Path(running.execute(kernel, code))
    assert place.is_relative_to(running.folder)
    assert "seedshelf 1.4.2" in running.execute(kernel, LISTING)
    rows = running.ask("GET", f"pkgwidgets/packages?kernel={kernel}")["packages"]
    assert {row["name"]: row["version"] for row in rows}["seedshelf"] == "1.4.2"
    running.execute(kernel, "mine.close()")
    assert place.is_dir()
    assert Path(running.execute(kernel, GARDEN)) != place


def test_restart_begins_anew_after_the_notebook_got_its_environment(running: RunningDemo) -> None:
    kernel = running.start_kernel()
    running.execute(kernel, f"{LISTING}\ndone = service.upgrade_package('seedshelf')")
    running.ask("POST", f"api/kernels/{kernel}/restart")
    assert "seedshelf 1.4.2" in running.execute(kernel, LISTING)
    place = running.execute(kernel, GARDEN)
    running.ask("POST", f"api/kernels/{kernel}/restart")
    assert "seedshelf 1.4.1" in running.execute(kernel, LISTING)
    assert running.execute(kernel, GARDEN) == place


def test_story_has_the_stand_ins_of_the_picture(running: RunningDemo) -> None:
    session = {"path": "story.ipynb", "type": "notebook", "kernel": {"name": "python3"}}
    kernel = running.ask("POST", "api/sessions", session)["kernel"]["id"]
    listed = ast.literal_eval(running.execute(kernel, LISTING))
    assert listed == [release.replace("==", " ") for release in stand_ins.INSTALLED]
    code = "import pandas\nclass garden: folder = pandas.__version__"
    assert running.execute(kernel, code) == "2.2.0"
    upgrade = "done = service.upgrade_package('pandas')"
    assert running.execute(kernel, f"{LISTING}\n{upgrade}\n{code}") == "2.2.0"  # as loaded
    assert "pandas 2.3.3" in running.execute(kernel, LISTING)
    running.ask("POST", f"api/kernels/{kernel}/restart")
    assert running.execute(kernel, code) == "2.3.3"


def test_fresh_home_is_as_it_was_after_the_demo(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".bashrc").write_text("# mine")
    names = ("JUPYTER", "XDG_", "IPYTHON", "UV_", "DISPLAY", "WAYLAND_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\nenv > {tmp_path}/seen\n")
    browser.chmod(0o755)
    own = {"HOME": str(home), "DISPLAY": ":99", "BROWSER": str(browser), "XDG_DATA_HOME": "mine"}
    with started(tmp_path, {**kept, **own}) as running:
        kernel = running.start_kernel()
        running.execute(kernel, f"{GARDEN}\n{LISTING}\nframe = service.check_for_updates()")
        running.execute(kernel, "done = service.upgrade_package('raintable')")
        running.ask("GET", f"pkgwidgets/packages/updates?kernel={kernel}")
        workspace = {"data": {}, "metadata": {"id": "default"}}
        running.ask("PUT", "lab/api/workspaces/default", workspace)
        theme = {"raw": '{"theme": "JupyterLab Dark"}'}
        running.ask("PUT", "lab/api/settings/@jupyterlab/apputils-extension:themes", theme)
        wait_until((tmp_path / "seen").exists)
        assert running.end(signal.SIGTERM) == 0
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text().splitlines())
    assert [name for name in seen if name.startswith("XDG_")] == ["XDG_DATA_HOME"]
    assert seen["XDG_DATA_HOME"] == "mine"
    assert [path.name for path in home.rglob("*")] == [".bashrc"]
    assert (home / ".bashrc").read_text() == "# mine"
    assert not [*(tmp_path / "tmp").iterdir()]


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
