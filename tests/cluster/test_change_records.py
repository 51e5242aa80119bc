"""The records of changes: which are unfinished, which can be undone, and their lock."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from cluster.fake_cluster import make_plan

from pkgwidgets.cluster.change_records import ChangeRecords
from pkgwidgets.cluster.errors import ClusterUnfinished
from pkgwidgets.cluster.participants import Step
from pkgwidgets.connect import cluster_records
from pkgwidgets.core.errors import EnvironmentBusy, InvalidRequest

pytestmark = pytest.mark.usefixtures("own_records")


def test_change_that_did_not_end_blocks_its_environments() -> None:
    records = ChangeRecords()
    change, log = records.begin(make_plan())
    log.record(Step.PREPARING)
    with pytest.raises(ClusterUnfinished, match=change):
        records.raise_if_unfinished(["node:/b"])
    records.raise_if_unfinished(["node:/c"])
    log.record(Step.REVERTED)
    records.raise_if_unfinished(["node:/b"])


def test_last_committed_change_is_found_and_others_by_id() -> None:
    records = ChangeRecords()
    with pytest.raises(InvalidRequest, match="nothing to undo"):
        records.committed(None)
    change, log = records.begin(make_plan())
    log.record(Step.COMMITTED)
    assert records.committed(None).id == records.committed(change).id == change
    with pytest.raises(InvalidRequest, match="no committed change has this id"):
        records.committed("another")


def test_lock_of_the_records_waits_for_its_holder(tmp_path: Path) -> None:
    files = cluster_records(tmp_path / "records")
    with files.locked(0):
        with pytest.raises(EnvironmentBusy, match="another client"), files.locked(0.2):
            pass
        waited: list[bool] = []

        def wait() -> None:
            with files.locked(60):
                waited.append(True)

        waiting = threading.Thread(target=wait)
        waiting.start()
        assert waited == []
    waiting.join(60)
    assert waited == [True]


def test_step_after_a_line_that_was_torn_counts(tmp_path: Path) -> None:
    """A full disk or a crash leaves the beginning of a line."""
    files = cluster_records(tmp_path)
    files.append("change", {"plan": 1})
    file = tmp_path / "change.jsonl"
    file.write_bytes(file.read_bytes() + b'{"step": "comm')
    files.append("change", {"step": "reverting"})
    files.append("change", {"step": "reverted"})
    (record,) = files.read()
    assert record.description == {"plan": 1}
    assert record.steps == ({"step": "reverting"}, {"step": "reverted"})


@pytest.mark.parametrize("content", [b"", b"\n", b'{"plan": ', b'[]\n{"step": "committed"}\n'])
def test_record_without_its_first_line_is_left_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "change.jsonl").write_bytes(content)
    assert cluster_records(tmp_path).read() == ()
