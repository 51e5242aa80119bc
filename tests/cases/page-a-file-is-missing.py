"""A file answers 404 or 503, or its metadata has another hash: the index failed, not the plan."""

from __future__ import annotations

import sys

from release_world import World, release, run_case, status

from pkgwidgets.core.errors import IndexUnavailable
from pkgwidgets.operations.planning import plan_install

WHEEL = release("demo", "1.0")
METADATA = f"{WHEEL.filename}.metadata"


def find_fault(world: World) -> object:
    backend = world.backend()
    for keys, name, line in (
        ({"core_metadata": True}, METADATA, "503 Service Unavailable"),
        ({"core_metadata": True}, METADATA, "404 Not Found"),
        ({}, WHEEL.filename, "404 Not Found"),
        ({"core_metadata": {"sha256": "0" * 64}}, METADATA, "200 OK"),
    ):
        world.pages.clear()
        world.publish(WHEEL, **keys)
        if line != "200 OK":
            del world.server.files[name]
            world.serve(name, status(line))
        try:
            return keys, plan_install(backend, "demo")
        except IndexUnavailable as error:
            if (error.project, error.file) != ("demo", WHEEL.filename):
                return keys, error
    return None


if __name__ == "__main__":
    sys.exit(run_case(find_fault))
