"""Convert events to JSON, for followers of a transaction in another process or over REST."""

from __future__ import annotations

from .events import Event
from .json_values import JsonShape

EVENT = JsonShape(Event, without=("transaction",), brief=True)
"""Defaults are left out; so is the transaction, which the place of the log tells."""
