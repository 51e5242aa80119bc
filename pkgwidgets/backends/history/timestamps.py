"""The times in the ids of transactions."""

from __future__ import annotations

from datetime import UTC, datetime

FORMAT = "%Y%m%dT%H%M%S%f"


def parse_timestamp(transaction_id: str) -> datetime | None:
    """Return the time in an id; None if there is none."""
    try:
        timestamp = transaction_id.partition("-")[0]
        return datetime.strptime(timestamp, FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
