"""The METADATA of one installed package is such that uv does not read it."""

from __future__ import annotations

import sys

from plan_cases import changes_of
from release_world import World, reasons, release, run_case, status

from pkgwidgets.operations.planning import plan_upgrade

METADATA = {
    "dot": "Requires-Python: >=3.",
    "link": "Provides-Extra: test\nRequires-Dist: helper @ https://h.invalid/x/tarball/dev ; "
    "extra == 'test'",
    "old": "Requires-Dist: other (1.0)",
}


def find_fault(world: World) -> object:
    world.publish(release("other", "1.0"), release("other", "2.0"))
    backend = world.backend(release("other", "1.0"))
    for name, metadata in METADATA.items():
        world.serve(name, status("404 Not Found"))
        world.plant(backend, name, metadata)
        for names in ("other", None):
            plan = plan_upgrade(backend, names)
            # An old spelling may be read as a limit; then that is the reason.
            if changes_of(plan) != ["other 1.0 → 2.0"] and "other" not in reasons(plan):
                return name, plan
    return None


if __name__ == "__main__":
    sys.exit(run_case(find_fault))
