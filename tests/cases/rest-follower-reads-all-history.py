"""A follower of a transaction reads the same files, however long the history is."""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from pkgwidgets import demo
from pkgwidgets.connect import connect
from pkgwidgets.core.plans import Plan
from pkgwidgets.operations import transactions

HISTORY = 40
opened: list[str] = []


def note(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open":
        opened.append(str(arguments[0]))


def main() -> int:
    """Print how many files a look opens; return 1 if a longer history needs more."""
    sys.addaudithook(note)
    with tempfile.TemporaryDirectory() as place, demo.start(Path(place, "demo")) as garden:
        backend = connect(garden.python, garden.index_url, detached=True)
        plan = Plan(
            requested=(), changes=(), environment_fingerprint="", python=garden.python,
            created=datetime.now(UTC),
        )  # fmt: skip
        counts = []
        with backend.environment.locked("this case"):
            for _ in range(HISTORY):
                transaction_id = backend.journal.start(plan).id
                opened.clear()
                transactions.find_ended(backend, transaction_id)
                transactions.get_transaction(backend, transaction_id)
                counts.append(sum(garden.folder.name in path for path in opened))
                backend.journal.record(transaction_id, "ABORTED")
    print(f"files of a look: {counts[0]} with 1 transaction, {counts[-1]} with {HISTORY}")
    return 1 if counts[-1] > counts[0] else 0


if __name__ == "__main__":
    sys.exit(main())
