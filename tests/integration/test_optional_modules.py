"""A module that needs an optional dependency does not refuse a plan; a removed module does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pkgwidgets.core.errors import StageFailed
from pkgwidgets.core.events import Event
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.transactions import Outcome
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.demo.wheel_installer import WheelInstallation
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_upgrade

LEGACY_NAMESPACE = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
Install = Callable[..., None]


def soil_cloud(version: str, files: dict[str, str], *requires: str) -> BuiltWheel:
    """Return a distribution in the namespace `soil`, with its main module and `files`."""
    main = {"soil/cloud/__init__.py": f"version = {version!r}\n"}
    return BuiltWheel(
        name="soil-cloud", version=version, files={**main, **files}, requires=requires
    )


def soil_core(version: str, files: dict[str, str]) -> BuiltWheel:
    return BuiltWheel(name="soil-core", version=version, files=files)


@pytest.fixture
def install(garden: Demo, backend: Backend) -> Install:
    """Return a function that installs wheels and publishes them."""

    def install_wheels(*wheels: BuiltWheel) -> None:
        scheme = backend.environment.interpreter.scheme
        for wheel in wheels:
            WheelInstallation(
                wheel=wheel, python=garden.python, scheme=scheme, requested=True
            ).run()
        garden.index.publish(*wheels)

    return install_wheels


@pytest.mark.parametrize("namespace", ["", LEGACY_NAMESPACE], ids=["PEP 420", "pkgutil"])
def test_module_without_its_optional_dependency_does_not_refuse_an_upgrade(
    backend: Backend, garden: Demo, install: Install, namespace: str
) -> None:
    shared = {"soil/__init__.py": namespace} if namespace else {}
    install(soil_core("1.0", {**shared, "soil/core/__init__.py": ""}), soil_cloud("1.0", {}))
    new = {"soil/_cloud/__init__.py": "import soil.iam.v1\n"}
    garden.index.publish(soil_cloud("2.0", new))
    events: list[Event] = []
    done = apply.apply_plan(backend, plan_upgrade(backend, "soil-cloud"), events.append)
    assert done.outcome is Outcome.COMMITTED
    text = "soil._cloud was not tried: it needs the optional module soil.iam"
    assert text in {event.text for event in events}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            [soil_core("1.0", {"soil_core/__init__.py": ""}), soil_cloud("1.0", {})],
            [soil_cloud("2.0", {"soil/_cloud/__init__.py": "import soil_core.gone\n"})],
            "soil._cloud",
        ),
        (
            [soil_core("1.0", {"soil/iam/__init__.py": ""}), soil_cloud("1.0", {})],
            [
                soil_core("2.0", {"soil/core/__init__.py": ""}),
                soil_cloud("2.0", {"soil/_cloud/__init__.py": "import soil.iam\n"}),
            ],
            "soil._cloud",
        ),
        (
            [soil_core("1.0", {"soil/core/__init__.py": ""}), soil_cloud("1.0", {})],
            [
                soil_cloud(
                    "2.0", {"soil/_cloud/__init__.py": "import soil.core_api\n"}, "soil-core"
                ),
                soil_core("2.0", {"soil/core/__init__.py": "", "soil/_x/__init__.py": "1 / 0\n"}),
            ],
            "soil._x",
        ),
        (
            [
                BuiltWheel(name="soil-iam", version="1.0", files={"other/__init__.py": ""}),
                soil_cloud("1.0", {}),
            ],
            [soil_cloud("2.0", {"soil/_cloud/__init__.py": "import soil.iam\n"}, "soil-iam")],
            "soil._cloud",
        ),
        (
            [soil_cloud("1.0", {})],
            [
                BuiltWheel(
                    name="soil-cloud",
                    version="2.0",
                    files={
                        "soil/cloud/__init__.py": "import soil.iam\n",
                        "soil/_cloud/__init__.py": "import soil.iam\n",
                        "soil/extra/__init__.py": "",
                    },
                )
            ],
            "soil.cloud",
        ),
    ],
    ids=["package has no such module", "plan removes it", "error", "required", "main module"],
)
def test_module_that_lost_what_it_needs_refuses_an_upgrade(
    backend: Backend,
    garden: Demo,
    install: Install,
    old: list[BuiltWheel],
    new: list[BuiltWheel],
    message: str,
) -> None:
    install(*old)
    garden.index.publish(*new)
    plan = plan_upgrade(backend, [wheel.id for wheel in new])
    with pytest.raises(StageFailed, match=rf"{message}\b.* cannot be imported"):
        apply.apply_plan(backend, plan)
