"""Shared by tests of plans: wheels, unmet requirements, and a plan's changes as text."""

from __future__ import annotations

from fakes import FakeKit, Kit

from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import transactions

NEWER = [
    "allotboard 1.40.0 → 1.67.0",
    "bedplanner 2.1.0 → 2.3.0",
    "frostcall 1.9.3 → 2.0.0",
    "harvestscale 3.2.0 → 3.3.0",
    "raintable 2.0.0 → 3.1.0",
    "seedshelf 1.4.1 → 1.4.2",
    "sundrift 1.0.4 → 1.2.0",
]


def changes_of(plan: Plan) -> list[str]:
    return [str(change) for change in plan.changes]


def applied(kit: Kit, plan: Plan) -> Transaction:
    return transactions.apply_and_follow(kit.backend, plan)


def pea(version: str, **more: object) -> BuiltWheel:
    values = {"name": "pea", "version": version, "files": {"pea.py": f"x = {version!r}\n"}} | more
    return BuiltWheel(**values)  # type: ignore[arg-type]


def broken(kit: Kit) -> None:
    """Install a package with a missing requirement and an incompatible one."""
    wheel = pea("1.0", requires=("nowhere>=1", "raintable>=9", "seedshelf<1.4.2"))
    kit.publish(wheel)
    if isinstance(kit, FakeKit):
        kit.installer.put(wheel, requested=True)
        return
    kit.edit("pea.py", b"x = 1\n")
    kit.edit("pea-1.0.dist-info/METADATA", wheel.metadata_text.encode())
    files = ("pea.py", "pea-1.0.dist-info/METADATA", "pea-1.0.dist-info/RECORD")
    kit.edit(files[-1], "".join(f"{file},,\n" for file in files).encode())
