"""Upgrade everything where one package is broken already, as in Colab and Kaggle images."""

from __future__ import annotations

import sys

from plan_cases import changes_of
from release_world import World, reasons, release, run_case

from pkgwidgets.operations.planning import plan_upgrade


def find_fault(world: World) -> object:
    capped, numx = release("capped", "1.0", "numx<2"), release("numx", "2.0")
    world.publish(capped, release("numx", "1.0"), numx, release("other", "2.0"))
    backend = world.backend(capped, numx, release("other", "1.0"))
    plan = plan_upgrade(backend)
    expected = ["other 1.0 → 2.0"], {"capped": "capped requires numx<2, but 2.0 is installed"}
    return (changes_of(plan), reasons(plan)) != expected and plan


if __name__ == "__main__":
    sys.exit(run_case(find_fault))
