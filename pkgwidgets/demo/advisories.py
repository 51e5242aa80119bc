"""Made-up advisories about the demo's packages, as a folder of OSV records."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = "advisories"


def write_records(folder: Path) -> Path:
    """Write the records, as modified now, and return their folder."""
    records = folder / FOLDER
    records.mkdir()
    for record in _records(datetime.now(UTC).isoformat()):
        (records / f"{record['id']}.json").write_text(json.dumps(record), encoding="utf-8")
    return records


def _records(modified: str) -> list[dict[str, Any]]:
    return [
        _record("DEMO-2026-1", modified, "seedshelf", "1.4.2", "HIGH", "Seeds can be swapped"),
        _record("DEMO-2026-2", modified, "raintable", "3.0.0", "MODERATE", "Clouds leak rain"),
    ]


def _record(
    advisory_id: str, modified: str, name: str, fixed: str, severity: str, summary: str
) -> dict[str, Any]:
    events = [{"introduced": "0"}, {"fixed": fixed}]
    return {
        "id": advisory_id,
        "modified": modified,
        "summary": summary,
        "database_specific": {"severity": severity},
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": name},
                "ranges": [{"type": "ECOSYSTEM", "events": events}],
            }
        ],
    }
