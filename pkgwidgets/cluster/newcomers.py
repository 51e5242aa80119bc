"""Plugins for nannies that start while a cluster is changed, or after it was.

A nanny gets them before it starts its worker. They are sent by name, with plain values. A nanny
whose Python cannot import this module does not start.
"""

from __future__ import annotations

import logging
import secrets
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from distributed import NannyPlugin
from distributed.protocol import pickle

from pkgwidgets.connect import leader_command, remote_process
from pkgwidgets.core.errors import EnvironmentBusy, PkgwidgetsError, StalePlan

from . import messages
from .values import ClusterPlan

if TYPE_CHECKING:
    from distributed import Nanny

PLUGIN_NAME = "pkgwidgets-newcomers"
"""The name of the one plugin that a cluster has of this module."""
_UNDER_WAY = "a change of the packages of this cluster is under way; start the worker again later"
_SECONDS = 1800.0
_MAX_ATTEMPTS = 5
"""Other newcomers of the same environment may change it at the same time."""

_log = logging.getLogger(__name__)


def python_minor() -> str:
    """Return the minor version of this Python: `3.12`."""
    return ".".join(map(str, sys.version_info[:2]))


class NoNewcomers(NannyPlugin):
    """Let no worker join while a change of the cluster is under way."""

    name = PLUGIN_NAME

    def setup(self, nanny: Nanny) -> None:
        """Keep a new nanny from starting its worker; others have one already."""
        if nanny.process is None:
            refuse(nanny, _UNDER_WAY)


class AnyNewcomers(NannyPlugin):
    """Let every worker join."""

    name = PLUGIN_NAME


class HeldSet(NannyPlugin):
    """Give newcomers exact versions before their worker starts, or let them not join.

    `pins` are requirements such as `pandas==2.3.2`. Only Pythons of a minor version in `pythons`
    join: code that tasks send does not run on others.
    """

    name = PLUGIN_NAME

    def __init__(
        self, pins: Sequence[str], pythons: Sequence[str], index_url: str | None = None
    ) -> None:
        self.pins = tuple(pins)
        self.pythons = tuple(pythons)
        self.index_url = index_url

    async def setup(self, nanny: Nanny) -> None:
        """Apply the versions in the environment of a new nanny."""
        if nanny.process is not None:
            return
        if python_minor() not in self.pythons:
            own, known = python_minor(), ", ".join(self.pythons)
            refuse(nanny, f"it has Python {own}, and the cluster has {known}")
            return
        try:
            await self._bring_up_to_date()
        except PkgwidgetsError as error:
            refuse(nanny, error.sentence())
        except Exception as error:
            refuse(nanny, repr(error)[:300])

    async def _bring_up_to_date(self) -> None:
        for attempt in range(_MAX_ATTEMPTS):
            try:
                return await self._apply()
            except (EnvironmentBusy, StalePlan):
                if attempt == _MAX_ATTEMPTS - 1:
                    raise

    async def _apply(self) -> None:
        arguments = {"requirements": self.pins, "allow": "self"}
        plan = (await self._ask("plan", kind="install", arguments=arguments))["plan"]
        if plan["changes"]:
            change = f"newcomer-{secrets.token_hex(8)}"
            await self._ask("prepare", plan=plan, change=change)
            await self._ask("commit", plan=plan, change=change)

    async def _ask(self, do: str, **facts: Any) -> dict[str, Any]:
        """Return the answer of a leader in the environment of this process."""
        request = messages.request(do, index_url=self.index_url, **facts)
        function, arguments, options = remote_process(
            leader_command(sys.executable), request, _SECONDS
        )
        output = await function(*arguments, **options)
        return messages.read_answer(output.returncode, output.stdout, output.stderr)


def held_set(plugin: bytes | None) -> tuple[tuple[str, ...], tuple[str, ...], str | None] | None:
    """Return what a stored plugin holds, as the arguments of `HeldSet`; None if it holds nothing.

    The scheduler stores plugins pickled.
    """
    held = None if plugin is None else pickle.loads(plugin)
    return (held.pins, held.pythons, held.index_url) if isinstance(held, HeldSet) else None


def merged_pins(held: Sequence[str], plan: ClusterPlan) -> tuple[str, ...]:
    """Return the exact versions that newcomers get after a plan, sorted."""
    pins = {text.partition("==")[0]: text for text in held}
    for _, part in plan.plans:
        for change in part.changes:
            pins.pop(change.id, None)
    pins |= {text.partition("==")[0]: text for text in plan.pins}
    return tuple(pins[name] for name in sorted(pins))


def refuse(nanny: Nanny, reason: str) -> None:
    """Keep a nanny from starting its worker: it closes with the reason.

    An error that a plugin raises is only logged, and the worker joins. A nanny that cannot start
    its worker closes and tells the scheduler.
    """
    text = f"This worker does not join: {reason}"
    _log.error(text)

    async def instantiate() -> None:
        raise RuntimeError(text)

    nanny.instantiate = instantiate  # type: ignore[method-assign, assignment]
