"""Events as JSON: for whoever follows a transaction, in another process or over REST."""

from __future__ import annotations

from .events import Event
from .json_values import JsonShape

EVENT = JsonShape(Event, without=("transaction",), brief=True)
"""What an event does not say is left out; its transaction is where it was written."""
