"""Eight faults during a change of a Dask cluster; each ends all old or all new.

`python tests/cluster/cluster_faults.py` runs them all on four environments of registry packages,
one of them on another Python, and prints a table. Three faults run with Dask's own `PipInstall`,
too. It needs root for the small disk. Environments are compared by a hash of all their files.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from time import monotonic, sleep

import psutil
import uv

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from cluster.dask_processes import Stand
from distributed import Client, PipInstall
from volumes import fill, small_volume

from pkgwidgets import PackageService
from pkgwidgets.cluster import ClusterFailed, ClusterPlan, ClusterService
from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.events import Event
from pkgwidgets.demo.wheel_builder import BuiltWheel

Fault = Callable[[Stand], str]
_WAIT_SECONDS = 120
_SMALL_MEGABYTES = 600
"""The size of the small disk; what an environment leaves of it is filled."""
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


@contextmanager
def index_is_unreachable(stand: Stand) -> Iterator[None]:
    stand.environments[-1].index.down = True
    try:
        yield
    finally:
        stand.environments[-1].index.down = False


@contextmanager
def disk_is_full(stand: Stand) -> Iterator[None]:
    filler = fill(stand.environments[-1].folder / "env")
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def package_conflicts(stand: Stand) -> Iterator[None]:
    """Install what forbids the new version in the last environment, and remove it at the end."""
    last = stand.environments[-1]
    service = PackageService(last.python, index_url=last.index_url)
    requires = (f"{stand.name}<{stand.new}",)
    last.index.publish(
        BuiltWheel(name="stickler", version="1", files={"stickler.py": ""}, requires=requires)
    )
    service.install_package("stickler")
    try:
        yield
    finally:
        service.uninstall_package("stickler")


def apply_while_index_is_unreachable(stand: Stand) -> str:
    plan = stand.service.plan_upgrade(stand.name)
    with index_is_unreachable(stand):
        return _apply(stand, plan)


def apply_while_disk_is_full(stand: Stand) -> str:
    plan = stand.service.plan_upgrade(stand.name)
    with disk_is_full(stand):
        return _apply(stand, plan)


def apply_while_package_conflicts(stand: Stand) -> str:
    with package_conflicts(stand):
        try:
            return _apply(stand, stand.service.plan_install(f"{stand.name}=={stand.new}"))
        except PkgwidgetsError as error:
            return f"refused: {error}"


def leader_is_killed(stand: Stand) -> str:
    plan, last = stand.service.plan_upgrade(stand.name), stand.environments[-1]
    earlier = {*_journals(last.python)}
    with _killed_after_first_commit(stand, lambda: _kill_leader(last.python, earlier)) as report:
        return _apply(stand, plan, report)


def nanny_is_killed(stand: Stand) -> str:
    """Kill the last nanny with its worker; another nanny of its host ends what it began."""
    plan, last = stand.service.plan_upgrade(stand.name), stand.environments[-1]
    worker = list(stand.dask.processes)[-1]
    earlier = {*_journals(last.python)}

    def kill() -> None:
        _wait_for_journal(last.python, earlier)
        os.killpg(stand.dask.processes[worker].pid, signal.SIGKILL)

    with _killed_after_first_commit(stand, kill) as report:
        return _apply(stand, plan, report)


def client_is_killed(stand: Stand) -> str:
    """Kill a client after the first commit; a later one undoes the change by its record."""
    client = subprocess.Popen(
        [sys.executable, "-c", _CLIENT, stand.dask.address, stand.name],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert client.stdout is not None
    with client:
        for line in client.stdout:
            if line.endswith(": committed\n"):
                client.kill()
    history = stand.service.recover()
    return f"the later client: {history['outcome'].iloc[0]}"


def another_tool_changes_one(stand: Stand) -> str:
    """Edit a file of the package in the last environment once it is prepared, and back."""
    plan, last = stand.service.plan_upgrade(stand.name), stand.environments[-1]
    edited = _a_file_of(stand.name, last.site_packages)
    content = edited.read_bytes()
    id_of_last = stand.names[-1]

    def edit(event: Event) -> None:
        if event.text == f"{id_of_last}: prepared":
            edited.write_bytes(content + b"# edited\n")

    try:
        return _apply(stand, plan, edit)
    finally:
        if edited.read_bytes() == content + b"# edited\n":
            edited.write_bytes(content)


def two_clients_apply_at_once(stand: Stand) -> str:
    """Apply two plans for the same environments; one client is refused, or its plan is stale."""
    answers = []

    def apply_other() -> None:
        with Client(stand.dask.address, set_as_default=False) as client:
            service = ClusterService(client)
            try:
                service.apply(service.plan_upgrade(stand.other), restart=False)
                answers.append("committed")
            except PkgwidgetsError as error:
                answers.append(type(error).__name__)

    plan = stand.service.plan_upgrade(stand.name)
    other = threading.Thread(target=apply_other)
    other.start()
    first = _apply(stand, plan)
    other.join()
    return f"{first}; the other client: {answers[0]}"


FAULTS: dict[str, Fault] = {
    "index unreachable in one": apply_while_index_is_unreachable,
    "small disk in one": apply_while_disk_is_full,
    "conflicting package in one": apply_while_package_conflicts,
    "kill -9 of the applying process": leader_is_killed,
    "kill -9 of a nanny": nanny_is_killed,
    "kill -9 of the client": client_is_killed,
    "another tool in between": another_tool_changes_one,
    "two clients at once": two_clients_apply_at_once,
}
TROUBLES: dict[str, Callable[[Stand], AbstractContextManager[None]]] = {
    "index unreachable in one": index_is_unreachable,
    "small disk in one": disk_is_full,
    "conflicting package in one": package_conflicts,
}
"""Those that `PipInstall` meets, too."""


def run_fault(name: str, stand: Stand) -> tuple[str, str]:
    """Run a fault; return the state of the environments, and the answer of the service."""
    return _state_after(stand, FAULTS[name])


def run_pip_install(name: str, stand: Stand) -> tuple[str, str]:
    """Let Dask's own plugin install the same version during a fault; return the same."""

    def install(stand: Stand) -> str:
        with TROUBLES[name](stand):
            try:
                stand.dask.client.register_plugin(PipInstall([f"{stand.name}=={stand.new}"]))
                answer = "no error"
            except Exception as error:
                answer = " ".join(str(error).split())[:160]
            return answer + _broken(stand)

    return _state_after(stand, install)


def _state_after(stand: Stand, work: Fault) -> tuple[str, str]:
    """Return `all old`, `all new`, or a text that begins with `mixed`; and what the work answers.

    Old is equal by the hash of all files.
    """
    before = stand.digests()
    answer = work(stand)
    changed = [one != other for one, other in zip(before, stand.digests(), strict=True)]
    if not any(changed):
        return "all old", answer
    sets = {
        (*one, *other)
        for one, other in zip(stand.stems(stand.name), stand.stems(stand.other), strict=True)
    }
    if all(changed) and len(sets) == 1:
        return "all new", answer
    return f"mixed: {sum(changed)} of {len(changed)} changed", answer


def _broken(stand: Stand) -> str:
    """Return what `uv pip check` says of the last environment; "" if all fits together."""
    argv = [uv.find_uv_bin(), "pip", "check", "--python", str(stand.environments[-1].python)]
    done = subprocess.run(argv, capture_output=True, text=True)
    return (
        f"; the last is broken: {done.stderr.strip().splitlines()[-1]}" if done.returncode else ""
    )


def _a_file_of(name: str, site_packages: Path) -> Path:
    """Return a file of a package: its module, or its folder's `__init__.py`."""
    module = site_packages / f"{name}.py"
    return module if module.exists() else site_packages / name / "__init__.py"


def _apply(
    stand: Stand, plan: ClusterPlan, report: Callable[[Event], None] = lambda event: None
) -> str:
    try:
        done = stand.service.apply(plan, restart=False, report=report)
    except ClusterFailed as error:
        return str(error)
    except PkgwidgetsError as error:
        return f"refused: {error}"
    return str(done.outcome)


@contextmanager
def _killed_after_first_commit(
    stand: Stand, strike: Callable[[], None]
) -> Iterator[Callable[[Event], None]]:
    """Yield a report that calls `strike` in a thread once the first environment has committed."""
    first, threads = stand.names[0], list[threading.Thread]()

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


def _wait_for_journal(python: Path, earlier: Collection[Path]) -> None:
    """Wait until a leader has begun to commit in an environment."""
    deadline = monotonic() + _WAIT_SECONDS
    while not {*_journals(python)} - {*earlier}:
        if monotonic() > deadline:
            raise TimeoutError("no leader began to commit")
        sleep(0.01)


def _kill_leader(python: Path, earlier: Collection[Path]) -> None:
    """Kill the leader of an environment while it changes files: it is stopped to look at it."""
    deadline = monotonic() + _WAIT_SECONDS
    while monotonic() < deadline:
        leaders = _leaders(python)
        with suppress(psutil.NoSuchProcess):
            for leader in leaders:
                leader.suspend()
            journals = [file.read_text("utf-8") for file in {*_journals(python)} - {*earlier}]
            if any('"INTENT"' in text and '"COMMIT"' not in text for text in journals):
                for leader in leaders:
                    leader.kill()
                return
            for leader in leaders:
                leader.resume()
        sleep(0.01)
    raise TimeoutError("no leader was seen that changed files")


def _journals(python: Path) -> Iterator[Path]:
    """Yield the journals of the transactions of an environment."""
    return (python.parent.parent / ".pkgwidgets" / "txn").glob("*/journal")


def main() -> None:
    """Run each fault, or those named, on a new cluster; print a line for each."""
    from cluster.registry_environments import PYTHONS, fetch, registry_stand

    failed = False
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("faults", nargs="*", metavar="FAULT", help="its name; all without one")
    parser.add_argument("--pip-install", action="store_true", help="only with Dask's plugin")
    arguments = parser.parse_args()
    wanted = arguments.faults or list(FAULTS)
    with tempfile.TemporaryDirectory() as wheels:
        registry = fetch(Path(wheels))
        print(f"{len(PYTHONS)} environments of registry packages, Python {', '.join(PYTHONS)}")
        ours = [(name, "pkgwidgets", run_fault) for name in wanted]
        theirs = [(name, "PipInstall", run_pip_install) for name in wanted if name in TROUBLES]
        for name, who, run in theirs if arguments.pip_install else [*ours, *theirs]:
            with ExitStack() as stack:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                os.environ["XDG_DATA_HOME"] = str(folder / "data")
                small = folder / f"env{len(PYTHONS) - 1}"
                small.mkdir()
                is_small = name == "small disk in one"
                disk = small_volume(small, megabytes=_SMALL_MEGABYTES)
                stack.enter_context(disk if is_small else nullcontext())
                stand = stack.enter_context(registry_stand(folder, registry))
                state, answer = run(name, stand)
            failed |= who == "pkgwidgets" and state.startswith("mixed")
            short = answer.replace(f"{folder}/", "")
            print(f"{name:32} {who:11} {state:24} {short}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
