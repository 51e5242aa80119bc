"""The plugins that new nannies get: sent by name, refused on another Python, harmless to others."""

from __future__ import annotations

import asyncio
import pickle
import pickletools
from typing import Any, cast

import pytest
from distributed import Nanny, NannyPlugin

from pkgwidgets.cluster.newcomers import (
    AnyNewcomers,
    HeldSet,
    NoNewcomers,
    held_set,
    python_minor,
)


class NewNanny:
    """A nanny that has not started its worker, or has, with a process."""

    def __init__(self, process: object = None) -> None:
        self.process = process
        self.was_started = False

    async def instantiate(self) -> None:
        self.was_started = True


def start(nanny: NewNanny, plugin: Any) -> bool:
    """Do what a nanny does with a plugin before it starts its worker; return whether it did."""

    async def main() -> None:
        done = plugin.setup(cast("Nanny", nanny))
        if done is not None:
            await done
        await nanny.instantiate()

    asyncio.run(main())
    return nanny.was_started


@pytest.mark.parametrize(
    "plugin", [NoNewcomers(), AnyNewcomers(), HeldSet(["pea==2"], ["3.11"], "http://index")]
)
def test_plugin_is_sent_by_its_name_with_plain_values(plugin: NannyPlugin) -> None:
    sent = pickle.dumps(plugin)
    names = {str(argument) for _, argument, _ in pickletools.genops(sent) if argument}
    assert {"pkgwidgets.cluster.newcomers", type(plugin).__name__} <= names
    assert not [name for name in names if "co_code" in name or "builtins" in name]


def test_another_python_does_not_join() -> None:
    with pytest.raises(RuntimeError, match=f"it has Python {python_minor()}, and the cluster"):
        start(NewNanny(), HeldSet([], ["2.7"]))


def test_none_joins_during_a_change() -> None:
    with pytest.raises(RuntimeError, match="under way"):
        start(NewNanny(), NoNewcomers())


@pytest.mark.parametrize("plugin", [NoNewcomers(), HeldSet([], ["2.7"])])
def test_nanny_that_has_a_worker_keeps_it(plugin: NannyPlugin) -> None:
    assert start(NewNanny(process=object()), plugin)


def test_scheduler_tells_what_it_holds() -> None:
    held = HeldSet(["pea==2"], ["3.11"], "http://index")
    assert held_set(pickle.dumps(held)) == (("pea==2",), ("3.11",), "http://index")
    assert held_set(pickle.dumps(NoNewcomers())) is None
    assert held_set(None) is None
