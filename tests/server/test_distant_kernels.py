"""A kernel that runs elsewhere is refused; the server's own environment never stands in for it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from server.client import Ask, Spec, kernel
from server.test_kernel_interpreter import SITE_PACKAGES, start_kernel

from pkgwidgets.demo import Demo
from pkgwidgets.server import kernel_interpreter
from pkgwidgets.server.errors import KernelElsewhere


@pytest.mark.slow
async def test_running_kernel_whose_specification_is_gone_is_found(
    ask: Ask,
    default_garden: Demo,
    write_spec: Spec,
    jp_fetch: Callable[..., Any],
    jp_data_dir: Path,
    jp_serverapp: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_spec("brief", *kernel(default_garden.python), PYTHONPATH=SITE_PACKAGES)
    kernel_id = await start_kernel(jp_fetch, "brief")
    shutil.rmtree(jp_data_dir / "kernels" / "brief")
    monkeypatch.setattr(jp_serverapp.kernel_manager.get_kernel(kernel_id), "_kernel_spec", None)
    assert (await ask("GET", f"packages/by-id/seedshelf?kernel={kernel_id}")).status == 200
    assert (await ask("POST", "plans", {"upgrade": ["seedshelf"]})).status == 200


PROVISIONER = """
from jupyter_client.provisioning import LocalProvisioner

class DistantProvisioner(LocalProvisioner):
    "Starts a process here that this server cannot see, as on another machine."

    async def launch_kernel(self, cmd, **more):
        info = await super().launch_kernel(cmd, **more)
        self.pid = None
        return info

class LyingProvisioner(LocalProvisioner):
    "Gives the process id that the kernel has on another machine."

    async def launch_kernel(self, cmd, **more):
        info = await super().launch_kernel(cmd, **more)
        self.pid = 2**22 + 1
        return info
"""
ENTRY_POINTS = """[jupyter_client.kernel_provisioners]
distant = distant_kernels:DistantProvisioner
lying = distant_kernels:LyingProvisioner
"""


@pytest.fixture
def distant_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install the provisioners in a package of their own; request this before the server."""
    info = tmp_path / "distant_kernels-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: distant-kernels\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "distant_kernels.py").write_text(PROVISIONER)
    monkeypatch.syspath_prepend(tmp_path)
    KernelProvisionerFactory.clear_instance()
    yield
    KernelProvisionerFactory.clear_instance()


@pytest.mark.parametrize(
    ("provisioner", "refusal"),
    [("distant", (501, "kernel-elsewhere")), ("lying", (403, "environment-refused"))],
)
async def test_kernel_without_a_process_here_is_refused(
    distant_package: None,
    ask: Ask,
    default_garden: Demo,
    write_spec: Spec,
    jp_fetch: Callable[..., Any],
    jp_data_dir: Path,
    provisioner: str,
    refusal: tuple[int, str],
) -> None:
    write_spec("far", *kernel(sys.executable))
    file = jp_data_dir / "kernels" / "far" / "kernel.json"
    content = json.loads(file.read_text("utf-8"))
    content["metadata"] = {"kernel_provisioner": {"provisioner_name": provisioner}}
    file.write_text(json.dumps(content), "utf-8")
    kernel_id = await start_kernel(jp_fetch, "far")
    of_spec = await ask("GET", "packages?kernelspec=far")
    assert (of_spec.status, of_spec.code) == (501, "kernel-elsewhere")
    assert (
        f"the kernel provisioner '{provisioner}' starts its kernels"
        in of_spec.json["error"]["message"]
    )
    for answer in (
        await ask("GET", f"packages?kernel={kernel_id}"),
        await ask("POST", f"plans?kernel={kernel_id}", {"uninstall": ["six"]}),
    ):
        assert (answer.status, answer.code) == refusal
        assert answer.json["error"]["hint"]
    assert (await ask("POST", "plans", {"upgrade": ["seedshelf"]})).json["plan"]["kernels"] == []


def test_default_provisioner_decides_where_a_specification_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    KernelProvisionerFactory.clear_instance()
    spec = SimpleNamespace(argv=["python"], metadata={})
    kernel_interpreter.raise_if_elsewhere("k", spec)
    monkeypatch.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", "cloud")
    with pytest.raises(KernelElsewhere, match="provisioner 'cloud' starts its kernels"):
        kernel_interpreter.raise_if_elsewhere("k", spec)
    assert not KernelProvisionerFactory.initialized()
    with pytest.raises(KernelElsewhere, match="a gateway starts its kernels"):
        kernel_interpreter.raise_if_elsewhere("k", {"name": "k", "spec": {}})
