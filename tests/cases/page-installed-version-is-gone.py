"""One of several named packages is installed in a version that the index does not offer."""

from __future__ import annotations

import os
import sys

from plan_cases import changes_of
from release_world import World, release, run_case

from pkgwidgets.connect import connect
from pkgwidgets.operations.planning import plan_upgrade

OLD, GONE = release("demo", "1.0"), release("demo", "1.1")
TIMES = {"upload_time": "2023-01-01T00:00:00Z"}, {"upload_time": "2025-01-01T00:00:00Z"}


def find_fault(world: World) -> object:
    backend = world.backend(GONE, release("other", "1.0"))
    world.publish(release("other", "1.0"), release("other", "2.0"), **TIMES[0])
    for offer in ("gone", "yanked", "sdist", "new"):
        world.pages.pop("demo", None)
        world.publish(OLD, **TIMES[0])
        if offer == "yanked":
            world.publish(GONE, yanked="broken", **TIMES[0])
        elif offer == "sdist":
            world.publish_sdist("demo", "1.1")
        elif offer == "new":
            world.publish(GONE, **TIMES[1])
            os.environ["UV_EXCLUDE_NEWER"] = "2024-01-01"
            backend = connect(backend.environment.interpreter.python, world.server.url)
        for names in (["demo"], ["demo", "other"], None):
            plan = plan_upgrade(backend, names)
            if changes_of(plan) != (["other 1.0 → 2.0"] if names != ["demo"] else []):
                return offer, names, plan
    return None


if __name__ == "__main__":
    sys.exit(run_case(find_fault))
