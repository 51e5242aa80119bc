"""Eight faults during a change of two environments of a Dask cluster; each ends all old or all new.

`python tests/cluster/cluster_faults.py` runs them all and prints a table. It needs root for the
small disk. The environments are compared by a hash of all their files.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep

import psutil

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from cluster.dask_processes import TwoGardens, two_gardens
from distributed import Client
from volumes import fill, small_volume

from pkgwidgets import PackageService
from pkgwidgets.cluster import ClusterFailed, ClusterPlan, ClusterService
from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.events import Event
from pkgwidgets.demo.wheel_builder import BuiltWheel

Fault = Callable[[TwoGardens], str]
NAME = "seedshelf"
_WAIT_SECONDS = 120
_CLIENT = """
import sys
from distributed import Client
from pkgwidgets.cluster import ClusterService
with Client(sys.argv[1]) as client:
    service = ClusterService(client)
    plan = service.plan_upgrade(sys.argv[2])
    service.apply(plan, restart=False, report=lambda event: print(event.text, flush=True))
"""
"""A client in a process of its own, which applies and tells each step."""


def index_is_unreachable_in_one(two: TwoGardens) -> str:
    plan = two.service.plan_upgrade(NAME)
    two.b.index.down = True
    try:
        return _apply(two, plan)
    finally:
        two.b.index.down = False


def disk_is_small_in_one(two: TwoGardens) -> str:
    plan = two.service.plan_upgrade(NAME)
    filler = fill(two.b.folder / "env")
    try:
        return _apply(two, plan)
    finally:
        filler.unlink()


def package_conflicts_in_one(two: TwoGardens) -> str:
    """Install what forbids the new version in the second environment, and remove it at the end."""
    service = PackageService(two.b.python, index_url=two.b.index_url)
    two.b.index.publish(
        BuiltWheel(
            name="stickler", version="1", files={"stickler.py": ""}, requires=(f"{NAME}<1.4.2",)
        )
    )
    service.install_package("stickler")
    try:
        two.service.apply(two.service.plan_install(f"{NAME}==1.4.2"))
    except PkgwidgetsError as error:
        return str(error)
    finally:
        service.undo()
    return "committed"


def leader_is_killed(two: TwoGardens) -> str:
    plan = two.service.plan_upgrade(NAME)
    with _killed_after_first_commit(two, lambda: _kill_leaders(two.b.python)) as report:
        return _apply(two, plan, report)


def nanny_is_killed(two: TwoGardens) -> str:
    """Kill the second nanny with its worker; another nanny of its host ends what it began."""
    plan = two.service.plan_upgrade(NAME)

    def kill() -> None:
        _wait_for_leader(two.b.python)
        os.killpg(two.dask.processes["b1"].pid, signal.SIGKILL)

    with _killed_after_first_commit(two, kill) as report:
        return _apply(two, plan, report)


def client_is_killed(two: TwoGardens) -> str:
    """Kill a client after the first commit; a later one undoes the change by its record."""
    client = subprocess.Popen(
        [sys.executable, "-c", _CLIENT, two.dask.address, NAME], stdout=subprocess.PIPE, text=True
    )
    assert client.stdout is not None
    with client:
        for line in client.stdout:
            if line.endswith(": committed\n"):
                client.kill()
    history = two.service.recover()
    return f"the later client: {history['outcome'].iloc[0]}"


def another_tool_changes_one(two: TwoGardens) -> str:
    """Edit a file of the package in the second environment once it is prepared, and back."""
    plan = two.service.plan_upgrade(NAME)
    edited = two.b.site_packages / f"{NAME}.py"
    content = edited.read_bytes()

    second = two.names[1]

    def edit(event: Event) -> None:
        if event.text == f"{second}: prepared":
            edited.write_bytes(content + b"# edited\n")

    try:
        return _apply(two, plan, edit)
    finally:
        if edited.read_bytes() == content + b"# edited\n":
            edited.write_bytes(content)


def two_clients_apply_at_once(two: TwoGardens) -> str:
    """Apply two plans for the same environments; one client is refused, or its plan is stale."""
    answers = []

    def apply_other() -> None:
        with Client(two.dask.address, set_as_default=False) as client:
            service = ClusterService(client)
            try:
                service.apply(service.plan_upgrade("frostcall"), restart=False)
                answers.append("committed")
            except PkgwidgetsError as error:
                answers.append(type(error).__name__)

    plan = two.service.plan_upgrade(NAME)
    other = threading.Thread(target=apply_other)
    other.start()
    first = _apply(two, plan)
    other.join()
    return f"{first}; the other client: {answers[0]}"


FAULTS: dict[str, Fault] = {
    "index unreachable in one": index_is_unreachable_in_one,
    "small disk in one": disk_is_small_in_one,
    "conflicting package in one": package_conflicts_in_one,
    "kill -9 of the applying process": leader_is_killed,
    "kill -9 of a nanny": nanny_is_killed,
    "kill -9 of the client": client_is_killed,
    "another tool in between": another_tool_changes_one,
    "two clients at once": two_clients_apply_at_once,
}


def run_fault(name: str, two: TwoGardens) -> tuple[str, str]:
    """Run a fault; return the state of the environments, and the answer of the service.

    The state is `all old`, `all new`, or a text that begins with `mixed`.
    """
    versions = two.installed()
    before = two.digests()
    answer = FAULTS[name](two)
    after = two.digests()
    changed = [one != other for one, other in zip(before, after, strict=True)]
    if not any(changed):
        return "all old", answer
    now = two.installed()
    if all(changed) and now[0] == now[1] and versions[0] == versions[1]:
        return "all new", answer
    return f"mixed: {now}", answer


def _apply(
    two: TwoGardens, plan: ClusterPlan, report: Callable[[Event], None] = lambda event: None
) -> str:
    try:
        done = two.service.apply(plan, restart=False, report=report)
    except ClusterFailed as error:
        return str(error)
    except PkgwidgetsError as error:
        return f"refused: {error}"
    return str(done.outcome)


@contextmanager
def _killed_after_first_commit(
    two: TwoGardens, strike: Callable[[], None]
) -> Iterator[Callable[[Event], None]]:
    """Yield a report that calls `strike` in a thread once the first environment has committed."""
    first, threads = two.names[0], list[threading.Thread]()

    def report(event: Event) -> None:
        if event.text == f"{first}: committed":
            threads.append(threading.Thread(target=strike))
            threads[-1].start()

    yield report
    for thread in threads:
        thread.join()


def _leaders(python: Path) -> list[psutil.Process]:
    """Return the running leaders of an environment."""
    leaders = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if words[:1] == [str(python)] and "pkgwidgets.cluster.leader" in words:
            leaders.append(process)
    return leaders


def _wait_for_leader(python: Path) -> list[psutil.Process]:
    deadline = monotonic() + _WAIT_SECONDS
    while monotonic() < deadline:
        if leaders := _leaders(python):
            return leaders
        sleep(0.01)
    raise TimeoutError("no leader was started")


def _kill_leaders(python: Path) -> None:
    """Kill the first leaders that are seen, in the middle of their work."""
    leaders = _wait_for_leader(python)
    sleep(0.6)
    for leader in {*leaders, *_leaders(python)}:
        try:
            leader.kill()
        except psutil.NoSuchProcess:
            continue


def main() -> None:
    """Run each fault, or those named, on a new cluster; print a line for each."""
    failed = False
    for name in sys.argv[1:] or FAULTS:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            os.environ["XDG_DATA_HOME"] = str(folder / "data")
            (folder / "b").mkdir()
            if name == "small disk in one":
                stack.enter_context(small_volume(folder / "b", megabytes=64))
            two = stack.enter_context(two_gardens(folder))
            state, answer = run_fault(name, two)
        failed |= state.startswith("mixed")
        print(f"{name:34} {state:8} {answer}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
