"""A module that lacks something outside of the environment is not tried, and no failure."""

from __future__ import annotations

import pytest

from pkgwidgets import PackageService
from pkgwidgets.backends.processes import process
from pkgwidgets.connect import connect
from pkgwidgets.core.errors import StageFailed
from pkgwidgets.core.events import Event
from pkgwidgets.core.interfaces import Backend, is_untried
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_install, plan_upgrade

OUTSIDE = {
    "a variable": ("import os; os.environ['GARDEN_GATE']", "the variable GARDEN_GATE"),
    "a variable, by another error": (
        "import os\ntry: os.environ['GARDEN_GATE']\n"
        "except KeyError: raise RuntimeError('no gate is set')",
        "the variable GARDEN_GATE",
    ),
    "a secret": ("import os; os.environ['GARDEN_API_KEY']", "the variable GARDEN_API_KEY"),
    "Django": (
        "class ImproperlyConfigured(Exception): pass\n"
        "raise ImproperlyConfigured('Requested setting INSTALLED_APPS, but settings are not '\n"
        "  'configured. You must either define the environment variable DJANGO_SETTINGS_MODULE')",
        "the variable DJANGO_SETTINGS_MODULE",
    ),
    "tkinter's display": (
        "raise RuntimeError('no display name and no $DISPLAY environment variable')",
        "a display",
    ),
    "X's display": (
        "raise ImportError('this platform is not supported: (\\'failed to acquire X connection: '\n"
        '  \'Bad display name ""\\\', DisplayNameError(""))\')',
        "a display",
    ),
    "a driver": (
        "raise ImportError('libcuda.so.1: cannot open shared object file: No such file or "
        "directory')",
        "a library of a graphics driver",
    ),
    "a driver, below another error": (
        "try: raise OSError('libGL.so.1: cannot open shared object file: No such file')\n"
        "except OSError as error: raise ImportError('cannot load') from error",
        "a library of a graphics driver",
    ),
    "a GPU": ("raise RuntimeError('No CUDA GPUs are available')", "a GPU"),
}


@pytest.mark.parametrize(("code", "missing"), OUTSIDE.values(), ids=OUTSIDE)
def test_want_of_something_outside_is_not_a_failure(
    backend: Backend, garden: Demo, code: str, missing: str
) -> None:
    (garden.site_packages / "needy.py").write_text(f"{code}\n")
    failures = backend.import_checker.check(["needy", "raintable"]).errors
    assert failures == {"needy": f"not tried: it needs {missing}"}
    assert is_untried(failures["needy"])


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("{}['DISPLAY']", "KeyError: 'DISPLAY'"),
        (
            "import os\ntry: os.environ['GARDEN_GATE']\nexcept KeyError: import no_fallback",
            "ModuleNotFoundError: No module named 'no_fallback'",
        ),
        (
            "raise ImportError('libcudart.so.12: cannot open shared object file')",
            "ImportError: libcudart.so.12: cannot open shared object file",
        ),
        ("raise ValueError('the display of plants')", "ValueError: the display of plants"),
    ],
    ids=["another mapping", "a missing fallback", "a library of a wheel", "another display"],
)
def test_failure_of_the_module_itself_stays_a_failure(
    backend: Backend, garden: Demo, code: str, reason: str
) -> None:
    (garden.site_packages / "needy.py").write_text(f"{code}\n")
    failures = backend.import_checker.check(["needy"]).errors
    assert failures == {"needy": reason}
    assert not is_untried(reason)


def test_modules_see_the_variables_of_the_asking_process_without_credentials(
    backend: Backend, garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GARDEN_GATE", "open")
    monkeypatch.setenv("GARDEN_TOKEN", "secret")
    monkeypatch.setenv("GARDEN_URL", "https://user:secret@localhost/")
    code = "import os, json; raise ValueError(json.dumps(sorted(os.environ)))\n"
    (garden.site_packages / "needy.py").write_text(code)
    error = backend.import_checker.check(["needy"]).errors["needy"]
    names = error.removeprefix("ValueError: ")
    assert '"GARDEN_GATE"' in names
    assert "GARDEN_TOKEN" not in names
    assert "GARDEN_URL" not in names


@pytest.mark.parametrize(
    ("name", "value", "is_kept"),
    [
        ("DISPLAY", ":0", True),
        ("XAUTHORITY", "/home/me/.Xauthority", True),
        ("PWD", "/home/me", True),
        ("CUDA_VISIBLE_DEVICES", "0", True),
        ("DJANGO_SETTINGS_MODULE", "site.settings", True),
        ("LD_LIBRARY_PATH", "/opt/lib", True),
        ("AWS_SECRET_ACCESS_KEY", "x", False),
        ("GITHUB_TOKEN", "x", False),
        ("PGPASSWORD", "x", False),
        ("DATABASE_URL", "postgres://me:secret@localhost/db", False),
        ("MYSQL_PWD", "x", False),
        ("PIP_INDEX_URL", "https://localhost/", False),
        ("PYTHONPATH", "/elsewhere", False),
        ("JPY_SESSION_NAME", "a.ipynb", False),
    ],
)
def test_variables_for_programs_have_no_credentials(name: str, value: str, is_kept: bool) -> None:
    assert (process.program_environment({name: value}).get(name) == value) == is_kept


def test_upgrade_to_a_release_that_needs_a_display_is_made_and_says_so(
    backend: Backend, garden: Demo
) -> None:
    needy = {"pea.py": "raise RuntimeError('no display name and no $DISPLAY')\n"}
    garden.index.publish(
        BuiltWheel(name="pea", version="1.0", files={"pea.py": ""}),
        BuiltWheel(name="pea", version="2.0", files=needy),
    )
    apply.apply_plan(backend, plan_install(backend, "pea==1.0"))
    events: list[Event] = []
    apply.apply_plan(backend, plan_upgrade(backend, "pea"), events.append)
    assert "pea was not tried: it needs a display" in {event.text for event in events}
    journal = backend.journal.folder(backend.journal.transactions()[-1].id) / "journal"
    assert '"untried": "pea: it needs a display"' in journal.read_text()


def test_worker_imports_with_the_variables_of_the_kernel(
    garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import os\nif 'GARDEN_GATE' not in os.environ: raise ValueError('the gate is shut')\n"
    garden.index.publish(BuiltWheel(name="pea", version="1.0", files={"pea.py": code}))
    service = PackageService(garden.python, index_url=garden.index_url)
    plan = service.plan_install("pea")
    with pytest.raises(StageFailed, match="the gate is shut"):
        service.apply(plan)
    monkeypatch.setenv("GARDEN_GATE", "open")
    service.apply(service.plan_install("pea"))
    assert connect(garden.python).environment.distributions().keys() >= {"pea"}
