"""Kill real upgrades at random instants: `python tests/faults/real_kills.py 60` prints a table.

The environment is made by pip, of packages from the registry. A quarter of the kills follow COMMIT,
while old save points are deleted; a quarter follow INTENT, while files are replaced. A new service,
`recover.pyz` and `pkgwidgets recover` recover in turn. Exits 1 if an environment is neither old nor
new after recovery, or not what its journal says.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faults import tree

REQUESTED = (
    "requests==2.28.0", "rich==12.0.0", "jinja2==3.0.3", "click==8.0.4", "tqdm==4.60.0",
    "python-dateutil==2.8.0",
)  # fmt: skip
DEPENDENCIES = (
    "urllib3==1.26.5", "certifi==2021.5.30", "idna==3.2", "charset-normalizer==2.0.0",
    "pygments==2.11.0", "markupsafe==2.1.2", "commonmark==0.9.0", "six==1.10.0",
)  # fmt: skip
EARLIER = ("1.11.0", "1.12.0", "1.13.0", "1.14.0", "1.15.0", "1.16.0")
"""Versions of six that are installed first: so old save points are deleted after COMMIT."""
SEED = 40
AFTER_COMMIT = "after COMMIT"
NOTHING_TO_RECOVER = 3
"""The exit code of the command if the upgrade had ended."""
UPGRADE = """
import sys
from pkgwidgets.connect import connect
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_install, plan_upgrade
backend = connect(sys.argv[1])
plan = plan_install(backend, sys.argv[2:]) if sys.argv[2:] else plan_upgrade(backend)
print("planned", len(plan.changes), flush=True)
apply.apply_plan(backend, plan)
"""
SERVICE = "import sys\nfrom pkgwidgets import PackageService\nPackageService(sys.argv[1])\n"


@dataclass(frozen=True)
class Kill:
    """One kill: the last step recorded, and the state of the environment before and after."""

    moment: str
    between: str
    recovered_by: str
    after: str
    problem: str = ""


@dataclass(frozen=True)
class Place:
    """An environment that pip made, and a copy of it."""

    folder: Path

    @property
    def prefix(self) -> Path:
        return self.folder / "environment"

    @property
    def python(self) -> Path:
        return self.prefix / "bin" / "python"

    @property
    def variables(self) -> dict[str, str]:
        """Variables for all processes; the caches are the place's own."""
        cache = str(self.folder / "cache")
        kept = {n: v for n, v in os.environ.items() if n not in ("UV_CACHE_DIR", "UV_NO_CONFIG")}
        return {**kept, "XDG_CACHE_HOME": cache, "UV_CACHE_DIR": f"{cache}/uv"}

    def run(self, *argv: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(arg) for arg in argv],
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def checked(self, *argv: str | Path) -> None:
        done = self.run(*argv)
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)

    def create(self) -> None:
        """Make the environment with pip, with some history, and keep a copy."""
        self.checked(sys.executable, "-m", "venv", self.prefix)
        install = (self.python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:")
        constraints = self.folder / "constraints.txt"
        constraints.write_text("\n".join(DEPENDENCIES), "utf-8")
        self.checked(*install, "-c", constraints, *REQUESTED)
        for version in EARLIER:
            self.checked(sys.executable, "-c", UPGRADE, self.python, f"six=={version}")
        self.checked("cp", "-a", self.prefix, self.folder / "kept")

    def reset(self) -> None:
        shutil.rmtree(self.prefix)
        self.checked("cp", "-a", self.folder / "kept", self.prefix)

    def digest(self) -> str:
        return tree.digest(self.prefix)

    def steps(self) -> list[str]:
        """Return the steps of the newest transaction that is not part of the history."""
        known = len(EARLIER)
        folders = sorted((self.prefix / ".pkgwidgets" / "txn").glob("*"))[known:]
        if not folders or not (folders[-1] / "journal").exists():
            return []
        return [
            json.loads(line)["t"] for line in (folders[-1] / "journal").read_text().splitlines()
        ]

    def started(self) -> subprocess.Popen[str]:
        """Start an upgrade of everything; return its process once the plan is made."""
        argv = [sys.executable, "-c", UPGRADE, str(self.python)]
        child = subprocess.Popen(
            argv, env=self.variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert child.stdout is not None
        if not child.stdout.readline().startswith("planned"):
            raise RuntimeError("the upgrade could not be planned")
        return child


def wait_for(place: Place, child: subprocess.Popen[str], step: str) -> float:
    """Wait until a step is recorded, or the upgrade has ended; return the time."""
    while child.poll() is None and step not in place.steps():
        time.sleep(0.001)
    return time.monotonic()


def end(child: subprocess.Popen[str]) -> int:
    """Wait for a process, close its output, and return its exit code."""
    code = child.wait()
    assert child.stdout is not None
    child.stdout.close()
    return code


def kill_all(child: subprocess.Popen[str]) -> None:
    """Kill a process and all that it started."""
    if child.poll() is None:
        parent = psutil.Process(child.pid)
        parent.suspend()  # it starts nothing more
        victims = [*parent.children(recursive=True), parent]
        for victim in victims:
            try:
                victim.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(victims, timeout=10)
    end(child)


def recover_by_service(place: Place) -> None:
    place.checked(sys.executable, "-c", SERVICE, place.python)


def recover_by_archive(place: Place) -> None:
    marker = place.prefix / ".pkgwidgets" / "open"
    if marker.exists():
        archive = marker.parent / "txn" / marker.read_text() / "recover.pyz"
        if archive.exists():
            place.checked(sys.executable, "-I", "-S", archive)


def recover_by_command(place: Place) -> None:
    done = place.run(sys.executable, "-m", "pkgwidgets", "recover", "--python", place.python)
    if done.returncode not in (0, NOTHING_TO_RECOVER):
        raise RuntimeError(done.stdout + done.stderr)


RECOVERIES: dict[str, Callable[[Place], None]] = {
    "service": recover_by_service,
    "recover.pyz": recover_by_archive,
    "command": recover_by_command,
}


def undisturbed(place: Place) -> tuple[dict[str, str], dict[str, float]]:
    """Upgrade once; return the states by digest, and the seconds from a step to the next one."""
    old = place.digest()
    child, started = place.started(), time.monotonic()
    changing, committed = (wait_for(place, child, step) for step in ("INTENT", "COMMIT"))
    if end(child) != 0:
        raise RuntimeError("the undisturbed upgrade failed")
    lengths = {
        "": committed - started,
        "INTENT": committed - changing,
        "COMMIT": time.monotonic() - committed,
    }
    return {old: "old", place.digest(): "new"}, lengths


def kill_once(place: Place, states: dict[str, str], after: str, seconds: float, by: str) -> Kill:
    """Upgrade, kill some seconds after a step, recover, and compare."""
    place.reset()
    child = place.started()
    if after:
        wait_for(place, child, after)
    time.sleep(seconds)
    had_ended = child.poll() is not None
    kill_all(child)
    steps, between = place.steps(), states.get(place.digest(), "neither")
    problem = ""
    try:
        RECOVERIES[by](place)
    except RuntimeError as error:
        problem = str(error)
    recovered = states.get(place.digest(), "neither")
    if not problem and recovered != ("new" if "COMMIT" in steps else "old"):
        problem = f"the journal had {steps}"
    if (place.prefix / ".pkgwidgets" / "open").exists() and "PLAN" in steps:
        problem = problem or "the transaction is still open"
    last = AFTER_COMMIT if "COMMIT" in steps else steps[-1] if steps else "before PLAN"
    return Kill("after the end" if had_ended else last, between, by, recovered, problem)


def kills(place: Place, count: int, seed: int) -> Iterator[Kill]:
    """Yield the kills: half of them at any instant, a quarter after INTENT, one after COMMIT."""
    chance = random.Random(seed)
    states, lengths = undisturbed(place)
    print(*(f"{n:.2f} s from {step or 'the start'}" for step, n in lengths.items()), flush=True)
    for number in range(count):
        after = ("", "INTENT", "", "COMMIT")[number % 4]
        by = [*RECOVERIES][(number + number // 12) % len(RECOVERIES)]
        yield kill_once(place, states, after, chance.uniform(0, lengths[after]), by)


def table(done: Sequence[Kill]) -> str:
    """Return the outcomes by the last recorded step, as text."""
    moments = list(dict.fromkeys(kill.moment for kill in done))
    order = ["before PLAN", "PLAN", "STAGED", "LOCKED", "SAVED", "INTENT", "INSTALLED", "SYNCED"]
    moments.sort(key=lambda moment: order.index(moment) if moment in order else len(order))
    lines = [f"{'killed at':16} {'kills':>5}  {'between kill and recovery':34} after recovery"]
    for moment in [*moments, "all"]:
        chosen = [kill for kill in done if moment in (kill.moment, "all")]
        columns = [
            ", ".join(f"{count} {state}" for state, count in sorted(Counter(states).items()))
            for states in ([k.between for k in chosen], [k.after for k in chosen])
        ]
        lines.append(f"{moment:16} {len(chosen):5}  {columns[0]:34} {columns[1]}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kills", type=int, nargs="?", default=60)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="real-kills-") as folder:
        place = Place(Path(folder))
        place.create()
        done = []
        for kill in kills(place, options.kills, options.seed):
            done.append(kill)
            print(len(done), kill, flush=True)
    print(table(done))
    by = Counter((kill.recovered_by, kill.after) for kill in done)
    print("; ".join(f"{by_} {state}: {count}" for (by_, state), count in sorted(by.items())))
    problems = [kill for kill in done if kill.problem]
    for kill in problems:
        print(kill)
    return 1 if problems or "neither" in {kill.after for kill in done} else 0


if __name__ == "__main__":
    sys.exit(main())
