"""A named package of which there is nothing newer: yanked since, installed newer, sdists only."""

from __future__ import annotations

import sys

from release_world import World, release, run_case

from pkgwidgets.core.errors import IndexUnavailable
from pkgwidgets.operations.planning import plan_upgrade

NAMES = ("ally", "newer", "sdonly", "odd")


def find_fault(world: World) -> object:
    world.publish(release("ally", "1.0"), yanked="bad")
    world.publish(release("newer", "2.0"))
    world.publish_sdist("sdonly", "1.0")
    world.publish(release("odd", "1.0"), release("odd", "2.0"), yanked=None)
    installed = [release(name, "3.0" if name == "newer" else "1.0") for name in NAMES]
    backend = world.backend(*installed)
    for name in NAMES[:3]:
        if plan_upgrade(backend, name):
            return name
    try:
        return plan_upgrade(backend, "odd")
    except IndexUnavailable as error:
        return error.project != "odd"


if __name__ == "__main__":
    sys.exit(run_case(find_fault))
