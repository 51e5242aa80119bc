"""The panel of a cluster: its environments, what differs, one plan, and its progress in each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import ipywidgets

from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.events import Event
from pkgwidgets.core.interfaces import Report
from pkgwidgets.presentation.html_table import escape_text, html_table

from .background import BackgroundJob

if TYPE_CHECKING:
    import pandas as pd

    from pkgwidgets.cluster.values import ClusterPlan, ClusterTransaction

_MAX_ROWS = 100
"""Distributions that differ, shown at once."""
_MISSING = "<NA>"
"""How pandas writes a missing value."""


class ClusterActions(Protocol):
    """What the panel calls of a `ClusterService`."""

    def environments(self) -> pd.DataFrame:
        """Return a row per environment."""

    def drift(self) -> pd.DataFrame:
        """Return a row per distribution."""

    def plan_upgrade(
        self, names: Iterable[str] | None = None, *, report: Report | None = None
    ) -> ClusterPlan:
        """Plan to upgrade packages, or all without names."""

    def plan_align(self, *, to: str = "client", report: Report | None = None) -> ClusterPlan:
        """Plan to give all environments the versions of one place."""

    def plan_undo(self, *, report: Report | None = None) -> ClusterPlan:
        """Plan to undo the last change."""

    def apply(self, plan: ClusterPlan, *, report: Report | None = None) -> ClusterTransaction:
        """Apply a plan in every environment, or in none."""

    def recover(self, *, report: Report | None = None) -> pd.DataFrame:
        """Undo interrupted changes."""


class ClusterPanel(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets is untyped
    """Shows the environments of a Dask cluster and what differs; plans, applies and undoes.

    `cluster` is a `ClusterService` or a `distributed.Client`: `ClusterPanel(client)` ends a cell.
    Buttons work in a thread of their own, one at a time, so that other cells keep running. *Cancel*
    undoes a change everywhere.

    >>> from distributed import Client
    >>> with Client(n_workers=0, dashboard_address=":0") as client:
    ...     panel = ClusterPanel(client)  # the last line of a cell shows it
    ...     panel.job.wait(60)  # it has read the environments
    True
    >>> panel.plan_button.description
    'Upgrade…'
    """

    def __init__(self, cluster: Any) -> None:
        self.service: ClusterActions = _as_service(cluster)
        self.job = BackgroundJob()
        self._plan: ClusterPlan | None = None
        self._states: dict[str, str] = {}
        self._rows: list[tuple[str, str]] = []
        self.names = ipywidgets.Text(
            placeholder="Package names; empty for all", description="Upgrade"
        )
        self.place = ipywidgets.Dropdown(options=["client"], description="Align to")
        self.refresh_button = _button("Refresh", self.refresh)
        self.plan_button = _button("Upgrade…", self.plan_upgrade)
        self.align_button = _button("Align…", self.plan_align)
        self.undo_button = _button("Undo…", self.plan_undo)
        self.recover_button = _button("Undo interrupted changes", self.recover)
        self.apply_button = _button("Apply", self.apply)
        self.cancel_button = _button("Cancel", self.job.cancel)
        self.environments = ipywidgets.HTML()
        self.drift = ipywidgets.HTML()
        self.plan_view = ipywidgets.HTML()
        self.message = ipywidgets.HTML()
        super().__init__(
            [
                ipywidgets.HBox([self.refresh_button, self.undo_button, self.recover_button]),
                ipywidgets.HBox([self.names, self.plan_button]),
                ipywidgets.HBox([self.place, self.align_button]),
                self.message,
                self.plan_view,
                ipywidgets.HBox([self.apply_button, self.cancel_button]),
                self.environments,
                self.drift,
            ]
        )
        self.add_class("pkgw-cluster")
        self._show_buttons(is_busy=False)
        self.refresh()

    def refresh(self) -> None:
        """Read the environments and their distributions again."""
        self._start("reading the environments", self._refresh)

    def plan_upgrade(self) -> None:
        """Plan the upgrade of the packages that are named in the field, or of all."""
        names = self.names.value.replace(",", " ").split() or None
        self._start_plan(partial(self.service.plan_upgrade, names))

    def plan_align(self) -> None:
        """Plan to give all environments the versions of the chosen place."""
        self._start_plan(partial(self.service.plan_align, to=str(self.place.value)))

    def plan_undo(self) -> None:
        """Plan to undo the last change."""
        self._start_plan(self.service.plan_undo)

    def apply(self) -> None:
        """Apply the shown plan in every environment, or in none."""
        plan = self._plan
        if plan is not None:
            self._start("applying", partial(self._apply, plan))

    def recover(self) -> None:
        """Undo the changes that a client left which was killed."""
        self._start("undoing interrupted changes", self._recover)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until no work is running; return False if `timeout` seconds passed."""
        return self.job.wait(timeout)

    def _refresh(self) -> None:
        self._show_environments()
        self._tell("")

    def _show_environments(self) -> None:
        frame = self.service.environments()
        self.environments.value = _table(frame)
        self.place.options = ["client", *map(str, frame.index)]
        drift = self.service.drift()
        differing = drift[drift["differs"]]
        shown = differing.head(_MAX_ROWS).drop(columns="differs")
        more = len(differing) - len(shown)
        self.drift.value = (
            f"<p>{len(differing)} of {len(drift)} distributions differ.</p>{_table(shown)}"
            + (f"<p>and {more} more</p>" if more else "")
        )

    def _start_plan(self, make_plan: Callable[..., ClusterPlan]) -> None:
        def work() -> None:
            self._set_plan(None)
            self._set_plan(make_plan(report=self._report))
            self._tell("" if self._plan else "Nothing to change.")

        self._start("planning", work)

    def _apply(self, plan: ClusterPlan) -> None:
        try:
            done = self.service.apply(plan, report=self._report)
            self._tell(f"Done: {done}. {done.error}")
            self._plan = None  # its states stay visible
        except PkgwidgetsError:
            self._set_plan(None)
            raise
        finally:
            self._show_environments()

    def _recover(self) -> None:
        self.service.recover(report=self._report)
        self._show_environments()
        self._tell("No change is interrupted now.")

    def _start(self, what: str, work: Callable[[], None]) -> None:
        """Start work, with its name as the message; buttons are off while other work is running."""

        def run() -> None:
            try:
                work()
            except PkgwidgetsError as error:  # hints name calls, and here are buttons
                self._tell(error.sentence())
            finally:
                self._show_buttons(is_busy=False)

        def begin() -> None:
            self._tell(f"{what}…")
            self._show_buttons(is_busy=True)

        # Buttons are on again just before the work before has ended.
        self.job.start_in_turn(run, self._tell, begin)

    def _report(self, event: Event) -> None:
        self.job.raise_if_cancelled(event)
        environment = getattr(event, "environment", "")
        if environment:
            self._states[environment] = event.text.rpartition(": ")[2]
            self._show_plan()

    def _set_plan(self, plan: ClusterPlan | None) -> None:
        self._plan, self._states = plan or None, {}
        changed = plan.changed if plan is not None else ()
        self._rows = [(key, ", ".join(part.change_texts)) for key, part in changed]
        self._show_plan()

    def _show_plan(self) -> None:
        rows = [[key, changes, self._states.get(key, "planned")] for key, changes in self._rows]
        head = ("environment", "changes", "state")
        self.plan_view.value = html_table(head, rows) if rows else ""

    def _tell(self, text: str) -> None:
        self.message.value = f"<p role='status'>{escape_text(text)}</p>" if text else ""

    def _show_buttons(self, *, is_busy: bool) -> None:
        for button in (
            *(self.refresh_button, self.plan_button, self.align_button),
            *(self.undo_button, self.recover_button),
        ):
            button.disabled = is_busy
        self.apply_button.disabled = is_busy or self._plan is None
        self.cancel_button.disabled = not is_busy


def _as_service(cluster: Any) -> Any:
    """Return the service of a client; a service as it is."""
    if hasattr(cluster, "plan_align"):
        return cluster
    from pkgwidgets.cluster.service import ClusterService

    return ClusterService(cluster)


def _button(text: str, on_click: Callable[[], None]) -> Any:
    button = ipywidgets.Button(description=text, layout=ipywidgets.Layout(width="auto"))
    button.on_click(lambda _: on_click())
    return button


def _table(frame: pd.DataFrame) -> str:
    """Return a frame as an HTML table, escaped, with empty cells for missing values."""
    whole = frame.reset_index()
    rows = (map(_cell, row) for row in whole.itertuples(index=False))
    return html_table([*map(str, whole.columns)], [tuple(row) for row in rows])


def _cell(value: object) -> str:
    text = str(value)
    return "" if text == _MISSING else text
