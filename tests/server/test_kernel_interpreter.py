"""Running kernels and kernel specifications select the environment, never a path."""

from __future__ import annotations

import asyncio
import json
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from held_transactions import eventually
from server.client import Ask, Spec, kernel

from pkgwidgets import demo
from pkgwidgets.core.errors import EnvironmentRefused
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.server import kernel_interpreter
from pkgwidgets.server.kernel_interpreter import LaunchCommand, RunningKernel

SITE_PACKAGES = sysconfig.get_paths()["purelib"]
"""The folder of the ipykernel that environments without one use in these tests."""


def launch_command(*argv: str, **environment: str) -> LaunchCommand:
    return LaunchCommand(argv=argv, environment=environment)


@pytest.mark.parametrize("word", ["python", "python3", "python{}.{}".format(*sys.version_info)])
def test_bare_python_command_is_the_servers_interpreter(word: str) -> None:
    assert kernel_interpreter.interpreter_of_launch(launch_command(*kernel(word))) == Path(
        sys.executable
    )


def test_interpreter_path_is_used_as_given(garden: Demo) -> None:
    assert (
        kernel_interpreter.interpreter_of_launch(launch_command(*kernel(garden.python)))
        == garden.python
    )
    assert (
        kernel_interpreter.interpreter_of_launch(
            launch_command(*kernel(garden.python, "-Xdev", "-E"))
        )
        == garden.python
    )


def test_command_is_looked_up_in_the_path_of_the_kernel_spec(garden: Demo) -> None:
    (garden.python.parent / "gardener").symlink_to(garden.python.name)
    interpreter = kernel_interpreter.interpreter_of_launch(
        launch_command(*kernel("gardener"), PATH=str(garden.python.parent))
    )
    assert interpreter.parent == garden.python.parent


def test_interpreter_behind_a_wrapper_is_found(garden: Demo, tmp_path: Path) -> None:
    script = tmp_path / "wrap per.sh"
    script.write_text(f'#!/bin/sh\necho hello\nexec {shlex.quote(str(garden.python))} "$@"\n')
    script.chmod(0o755)
    assert (
        kernel_interpreter.interpreter_of_launch(launch_command(*kernel(script))) == garden.python
    )
    # As `conda run -p PREFIX python -m …` does it.
    env = ("/usr/bin/env", "A=1", str(garden.python), "-m", "ipykernel_launcher")
    assert kernel_interpreter.interpreter_of_launch(launch_command(*env)) == garden.python


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (("/no/such/python", "-m", "ipykernel_launcher"), "There is no command"),
        (("/bin/false", "-m", "ipykernel_launcher"), "did not start a Python interpreter"),
        (("/bin/true", "{connection_file}"), "does not show which Python"),
        ((), "does not show which Python"),
    ],
    ids=lambda value: str(value),
)
def test_kernel_spec_without_python_is_refused(argv: tuple[str, ...], reason: str) -> None:
    with pytest.raises(EnvironmentRefused, match=reason):
        kernel_interpreter.interpreter_of_launch(launch_command(*argv))


def test_kernel_spec_variables_are_expanded_as_in_jupyter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEFORE", "/a")
    kernel_spec = SimpleNamespace(
        argv=["{resource_dir}/run.sh", "-m", "x"],
        env={"PATH": "${BEFORE}:/b"},
        language="python",
        resource_dir="/there",
    )
    read = LaunchCommand.of(kernel_spec)
    assert read.argv[0] == "/there/run.sh"
    assert read.environment == {"PATH": "/a:/b"}


async def start_kernel(fetch: Callable[..., Any], name: str) -> str:
    answer = await fetch("api", "kernels", method="POST", body=f'{{"name": "{name}"}}')
    return str(json.loads(answer.body)["id"])


async def test_kernel_argument_selects_the_environment(
    ask: Ask, default_garden: Demo, write_spec: Spec, jp_fetch: Callable[..., Any], tmp_path: Path
) -> None:
    with demo.start(tmp_path / "other") as other:
        write_spec("other", *kernel(other.python), PYTHONPATH=SITE_PACKAGES)
        write_spec("garden", *kernel(default_garden.python), PYTHONPATH=SITE_PACKAGES)
        first, second = (
            await start_kernel(jp_fetch, "garden"),
            await start_kernel(jp_fetch, "other"),
        )
        done = await ask("PUT", f"packages/seedshelf/upgrade?kernel={second}")
        assert done.json["package"]["install_path"] == str(other.site_packages)
        assert done.json["package"]["version"] == "1.4.2"
        for query, version in (
            (f"kernel={first}", "1.4.1"),
            (f"kernel={second}", "1.4.2"),
            ("kernelspec=other", "1.4.2"),
            ("kernelspec=garden", "1.4.1"),
        ):
            answer = await ask("GET", f"packages/by-id/seedshelf?{query}")
            assert answer.json["package"]["version"] == version, query
        assert (await ask("GET", f"transactions?kernel={first}")).json["transactions"] == []
        plan = (await ask("POST", "plans", {"upgrade": ["seedshelf"]})).json["plan"]
        assert [started["id"] for started in plan["kernels"]] == [first]
        taken = await ask(
            "PUT", f"packages/seedshelf/upgrade?kernel={second}", {"plan": plan["id"]}
        )
        assert (taken.status, taken.code) == (404, "plan-not-found")


async def test_configuration_of_the_kernels_folder_counts(
    ask: Ask,
    default_garden: Demo,
    jp_root_dir: Path,
    jp_fetch: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("UV_NO_CONFIG")
    (jp_root_dir / "deep").mkdir()
    (jp_root_dir / "deep" / "uv.toml").write_text(
        'constraint-dependencies = ["seedshelf<1.4.2"]', encoding="utf-8"
    )
    held = {}
    for path in ("deep/a.ipynb", "a.ipynb"):
        body = json.dumps({"name": "garden", "path": path})
        answer = await jp_fetch("api", "kernels", method="POST", body=body)
        kernel_id = json.loads(answer.body)["id"]
        plan = await ask("POST", f"plans?kernel={kernel_id}", {"upgrade": ["seedshelf"]})
        held[path] = (
            [row["reason"] for row in plan.json["plan"]["held_back"]],
            [change["after"] for change in plan.json["plan"]["changes"]],
        )
    assert held["deep/a.ipynb"] == (
        ["blocked by constraint-dependencies in uv.toml (seedshelf<1.4.2)"],
        [],
    )
    assert held["a.ipynb"][1] == ["1.4.2"]


async def plan_naming_kernels(ask: Ask, body: dict[str, Any], count: int) -> dict[str, Any]:
    """Return a plan, once as many kernels run.

    A kernel can lose a port to a program that opens it first. It ends then, and its server starts
    it again after some seconds.
    """
    plan: dict[str, Any] = {}
    for _ in range(60):
        plan = (await ask("POST", "plans", body)).json["plan"]
        if len(plan["kernels"]) >= count:
            return plan
        await asyncio.sleep(0.5)
    raise AssertionError(f"not {count} kernels: {plan['kernels']}")


async def test_plan_names_all_kernels_on_the_environment(
    ask: Ask,
    default_garden: Demo,
    write_spec: Spec,
    jp_fetch: Callable[..., Any],
    published: Callable[..., None],
) -> None:
    write_spec("garden", *kernel(default_garden.python), PYTHONPATH=SITE_PACKAGES)
    started = {await start_kernel(jp_fetch, "garden"), await start_kernel(jp_fetch, "garden")}
    plan = await plan_naming_kernels(ask, {"upgrade": ["seedshelf"]}, 2)
    assert {described["id"] for described in plan["kernels"]} == started
    for described in plan["kernels"]:
        assert described["restart"]["needed"] is None
        assert described["restart"]["reason"] == "needed if the kernel has imported seedshelf"
    published(BuiltWheel(name="peapod", version="1.0", files={"peapod.py": ""}))
    plan = await plan_naming_kernels(ask, {"install": "peapod"}, 2)
    assert [described["restart"]["needed"] for described in plan["kernels"]] == [False, False]


async def test_plan_names_kernels_that_the_server_did_not_start(
    ask: Ask, default_garden: Demo, write_spec: Spec, jp_fetch: Callable[..., Any], tmp_path: Path
) -> None:
    write_spec("garden", *kernel(default_garden.python), PYTHONPATH=SITE_PACKAGES)
    started = await start_kernel(jp_fetch, "garden")
    code = "print('up', flush=True); input()"
    argv = [default_garden.python, "-c", code, "-f", tmp_path / "kernel-8.json"]
    with subprocess.Popen(
        [str(word) for word in argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as foreign:
        assert foreign.stdout is not None
        assert foreign.stdout.readline() == b"up\n"
        plan = (await ask("POST", "plans", {"upgrade": ["seedshelf"]})).json["plan"]
        assert {(row["id"], row["name"]) for row in plan["kernels"]} == {
            (started, "garden"),
            (None, f"kernel-8 (process {foreign.pid})"),
        }
        foreign.kill()


@pytest.mark.parametrize(
    ("name", "replaced"), [("seedshelf.so", False), ("libseedshelf.so.6", True)]
)
async def test_mapped_library_of_a_kernel_requires_a_restart(
    ask: Ask,
    default_garden: Demo,
    write_spec: Spec,
    jp_fetch: Callable[..., Any],
    jp_serverapp: Any,
    name: str,
    replaced: bool,
) -> None:
    library = default_garden.site_packages / name
    source = next(Path(SITE_PACKAGES, "zmq").rglob("*.so"))
    library.write_bytes(source.read_bytes())
    record = next(default_garden.site_packages.glob("seedshelf-*.dist-info")) / "RECORD"
    record.write_text(record.read_text() + f"{name},,\n")
    starter = default_garden.site_packages / "starter.py"
    starter.write_text(
        f"import mmap, runpy\nfile = open({str(library)!r}, 'rb')\n"
        "kept = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)\n"
        "runpy.run_module('ipykernel_launcher', run_name='__main__')\n"
    )
    write_spec(
        "garden",
        str(default_garden.python),
        "-m",
        "starter",
        "-f",
        "{connection_file}",
        PYTHONPATH=SITE_PACKAGES,
    )
    await start_kernel(jp_fetch, "garden")
    [kernel_id] = jp_serverapp.kernel_manager.list_kernel_ids()
    process = jp_serverapp.kernel_manager.get_kernel(kernel_id).provisioner.pid
    eventually(lambda: str(library) in Path(f"/proc/{process}/maps").read_text())
    if replaced:
        library.unlink()
        library.write_bytes(source.read_bytes())
    answer = await ask("POST", f"plans?kernel={kernel_id}", {"uninstall": ["seedshelf"]})
    plan = answer.json["plan"]
    [kernel] = plan["kernels"]
    assert kernel["restart"]["needed"] is True
    assert kernel["restart"]["loaded"] == ["seedshelf"]


async def test_interpreter_hidden_by_a_wrapper_is_found_from_the_process(
    ask: Ask,
    default_garden: Demo,
    write_spec: Spec,
    jp_fetch: Callable[..., Any],
    tmp_path: Path,
) -> None:
    script = tmp_path / "start.sh"
    python = shlex.quote(str(default_garden.python))
    script.write_text(f'#!/bin/sh\n{python} -m ipykernel_launcher -f "$1"\n')
    script.chmod(0o755)
    write_spec("hidden", str(script), "{connection_file}", PYTHONPATH=SITE_PACKAGES)
    refused = await ask("GET", "packages?kernelspec=hidden")
    assert (refused.status, refused.code) == (403, "environment-refused")
    kernel_id = await start_kernel(jp_fetch, "hidden")
    answer = await ask("GET", f"packages/by-id/seedshelf?kernel={kernel_id}")
    assert answer.json["package"]["install_path"] == str(default_garden.site_packages)


async def test_kernel_spec_of_another_language_is_refused(ask: Ask, write_spec: Spec) -> None:
    write_spec("r", "R", "--slave", language="R")
    answer = await ask("GET", "packages?kernelspec=r")
    assert (answer.status, answer.code) == (403, "environment-refused")
    assert "`?kernelspec=NAME`" in answer.json["error"]["hint"]


async def test_kernel_of_another_language_is_not_in_plans(
    ask: Ask, default_garden: Demo, write_spec: Spec, jp_fetch: Callable[..., Any]
) -> None:
    write_spec("r", *kernel(default_garden.python), language="R", PYTHONPATH=SITE_PACKAGES)
    kernel_id = await start_kernel(jp_fetch, "r")
    answer = await ask("POST", "plans", {"upgrade": ["seedshelf"]})
    assert (answer.status, answer.json["plan"]["kernels"]) == (200, [])
    assert (await ask("GET", f"packages?kernel={kernel_id}")).status == 403


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("kernelspec=nothing-such", 404),
        ("kernel=00000000-0000-4000-8000-000000000000", 404),
        ("kernel=/usr/bin/python3", 422),
        ("kernel=../../etc/passwd", 422),
        ("kernelspec=/usr/bin/python3", 422),
        ("kernelspec=%00", 422),
        ("kernelspec=", 422),
        ("kernel=a&kernel=b", 422),
        ("kernel=a&kernelspec=b", 422),
    ],
)
async def test_unknown_or_invalid_kernel_is_refused(ask: Ask, query: str, status: int) -> None:
    for path in ("packages", "transactions", "packages/by-id/seedshelf", "packages/updates"):
        answer = await ask("GET", f"{path}?{query}")
        assert answer.status == status
    answer = await ask("PUT", f"packages/seedshelf/upgrade?{query}", {})
    assert answer.status == status


def test_ended_kernel_process_is_refused() -> None:
    gone = RunningKernel(id="k", name="k", process=2**22 + 1, connection_file="x")
    with pytest.raises(EnvironmentRefused, match="does not show which Python it runs"):
        kernel_interpreter.interpreter_of_kernel(gone)


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (("python", "launch.py", "-f", "{connection_file}"), "does not show which Python"),
        (("python", "-m", "launch", "-f", "{connection_file}"), "does not show which Python"),
        (("ssh", "far", *kernel("/usr/bin/python3")), "through ssh, so only a running kernel"),
        (("docker", "run", "i", *kernel("python")), "through docker, so only a running kernel"),
        (("bash", "-c", ". activate; python -m ipykernel_launcher"), "does not show which Python"),
    ],
    ids=lambda value: str(value),
)
def test_kernel_spec_that_does_not_show_its_python_is_refused(
    argv: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(EnvironmentRefused, match=reason):
        kernel_interpreter.interpreter_of_launch(launch_command(*argv))


def test_python_behind_a_runner_is_not_the_servers(garden: Demo, tmp_path: Path) -> None:
    (tmp_path / "runner.py").write_text("import os, sys\nos.execv(sys.argv[2], sys.argv[2:])\n")
    for runner in (("python", "-m", "runner"), (sys.executable, str(tmp_path / "runner.py"))):
        launch = launch_command(*runner, "/e", *kernel(garden.python), PYTHONPATH=str(tmp_path))
        assert kernel_interpreter.interpreter_of_launch(launch) == garden.python
    script = f"exec {shlex.quote(str(garden.python))} -m ipykernel_launcher -f {{connection_file}}"
    for shell in (("bash", "-c", script), ("/bin/bash", "-lc", script)):
        assert kernel_interpreter.interpreter_of_launch(launch_command(*shell)) == garden.python


def test_python_that_answers_from_elsewhere_is_refused(garden: Demo, tmp_path: Path) -> None:
    """A wrapper may start Python in a container, where the same path is another file."""
    script = tmp_path / "contained.sh"
    script.write_text(
        f"#!/bin/sh\n{shlex.quote(str(garden.python))} \"$@\" | sed 's/:[0-9]*:/:1:/'\n"
    )
    script.chmod(0o755)
    with pytest.raises(EnvironmentRefused, match="starts is not on this machine"):
        kernel_interpreter.interpreter_of_launch(launch_command(*kernel(script)))


async def test_running_kernel_behind_a_runner_has_the_environment_of_its_process(
    ask: Ask,
    default_garden: Demo,
    write_spec: Spec,
    jp_fetch: Callable[..., Any],
    jp_serverapp: Any,
    tmp_path: Path,
) -> None:
    (tmp_path / "runner.py").write_text("import subprocess, sys\nsubprocess.run(sys.argv[2:])\n")
    runner = ("python", "-m", "runner", "/e")
    places = f"{tmp_path}:{SITE_PACKAGES}"
    write_spec("ran", *runner, *kernel(default_garden.python), PYTHONPATH=places)
    kernel_id = await start_kernel(jp_fetch, "ran")
    answer = await ask("GET", f"packages/by-id/seedshelf?kernel={kernel_id}")
    assert answer.json["package"]["install_path"] == str(default_garden.site_packages)
