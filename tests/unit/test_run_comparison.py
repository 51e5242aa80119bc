"""Two runs of a notebook are compared: which differences count, and which do not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.analysis.cell_output import mask_versions, parse_sanitize_rules
from pkgwidgets.analysis.notebook_runs import CellRun, NotebookCode, NotebookRun, parse_markers
from pkgwidgets.analysis.run_comparison import Rehearsal, Verdict, compare_runs
from pkgwidgets.core.plans import Change, Plan


def shows(text: str, **more: Any) -> dict[str, Any]:
    data = {"text/plain": text, **more}
    return {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": data}


def prints(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def fails(name: str = "ValueError", text: str = "no") -> dict[str, Any]:
    return {"output_type": "error", "ename": name, "evalue": text, "traceback": ["…"]}


def run(*outputs: dict[str, Any], source: str = "x", seconds: float = 0.1) -> NotebookRun:
    """Return the run of a notebook with one cell."""
    markers = parse_markers(source, [])
    script = NotebookCode(notebook=Path("/n/a.ipynb"), sources=(source,), markers=(markers,))
    cell = CellRun(number=1, source=source, outputs=outputs, seconds=seconds, markers=markers)
    return NotebookRun(script=script, cells=(cell,))


def verdict(before: NotebookRun, after: NotebookRun, text: str = "") -> Verdict:
    (cell,) = compare_runs(before, after, parse_sanitize_rules(text))
    return cell.verdict


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([shows("1")], [shows("1")], Verdict.SAME),
        ([shows("1")], [shows("2")], Verdict.DIFFERENT),
        ([shows("1")], [], Verdict.DIFFERENT),
        ([], [prints("a")], Verdict.DIFFERENT),
        ([prints("a"), shows("1")], [shows("1"), prints("a")], Verdict.SAME),
        ([prints("a"), prints("b")], [prints("ab")], Verdict.SAME),
        ([prints("a")], [prints("a", "stderr")], Verdict.DIFFERENT),
        ([shows("<A at 0x7f0a11223344>")], [shows("<A at 0x7fffffffffff>")], Verdict.SAME),
        ([shows("f", **{"image/png": "aa"})], [shows("f", **{"image/png": "bb"})], Verdict.SAME),
        ([shows("f", **{"text/html": "a"})], [shows("f", **{"text/html": "b"})], Verdict.DIFFERENT),
        ([shows("1")], [fails()], Verdict.BROKEN),
        ([fails()], [shows("1")], Verdict.FIXED),
        ([fails()], [fails(text="other words")], Verdict.UNTRIED),
        ([fails()], [fails("KeyError")], Verdict.BROKEN),
        ([], [prints("/a/b.py:3: FutureWarning: soon\n  b()\n", "stderr")], Verdict.WARNS),
        (
            [prints("/a/b.py:3: FutureWarning: soon\n  b()\n", "stderr")],
            [prints("/c/b.py:9: FutureWarning: soon\n  other()\n", "stderr")],
            Verdict.SAME,
        ),
        ([prints("/a.py:3: UserWarning: old\n", "stderr")], [], Verdict.SAME),
        (
            [prints("/a.py:3: FutureWarning: soon\nmore of it\n\n  x\n", "stderr")],
            [prints("/a.py:3: ChainedAssignmentError: now\n", "stderr")],
            Verdict.WARNS,
        ),
        (
            [prints("bad\n", "stderr")],
            [prints("/a.py:3: UserWarning: w\nworse\n", "stderr")],
            Verdict.DIFFERENT,
        ),
        (
            [prints("CPU times: user 1 μs, sys: 2 μs, total: 3 μs\nWall time: 4.1 ms\n")],
            [prints("CPU times: user 9 ms, sys: 8 ms, total: 17 ms\nWall time: 1min 2s\n")],
            Verdict.SAME,
        ),
        (
            [prints("1.2 ms ± 3 μs per loop (mean ± std. dev. of 7 runs, 100 loops each)\n")],
            [prints("98.1 ns ± 0.9 ns per loop (mean ± std. dev. of 7 runs, 1,000 loops each)\n")],
            Verdict.SAME,
        ),
        (
            [prints("Wall time: 4 ms\n"), shows("1")],
            [prints("Wall time: 5 ms\n"), shows("2")],
            Verdict.DIFFERENT,
        ),
        (
            [shows("c", **{"text/html": "<p id='altair-viz-0123456789abcdef0123456789abcdef'>"})],
            [shows("c", **{"text/html": "<p id='altair-viz-ffffffffffffffff0123456789abcdef'>"})],
            Verdict.SAME,
        ),
        (
            [shows("c", **{"text/html": "<p id='6c84fb90-12c4-11e1-840d-7b25c5ee775a'>"})],
            [shows("c", **{"text/html": "<p id='6c84fb90-12c4-11e1-840d-7b25c5ee0000'>"})],
            Verdict.SAME,
        ),
        (  # a digest of what was computed is no name
            [shows("0123456789abcdef0123456789abcdef")],
            [shows("ffffffffffffffff0123456789abcdef")],
            Verdict.DIFFERENT,
        ),
        (
            [shows("f", **{"image/svg+xml": "<a/>"})],
            [shows("f", **{"image/svg+xml": "<b/>"})],
            Verdict.SAME,
        ),
    ],
    ids=range(26),
)
def test_verdict_depends_on_the_outputs_of_both_runs(
    before: list[dict[str, Any]], after: list[dict[str, Any]], expected: Verdict
) -> None:
    assert verdict(run(*before), run(*after)) == expected


def test_only_a_much_slower_cell_is_reported_as_slower() -> None:
    assert verdict(run(seconds=1), run(seconds=3.9)) == Verdict.SAME
    assert verdict(run(seconds=1), run(seconds=4.1)) == Verdict.SLOWER


def test_sanitize_rules_of_a_file_are_applied() -> None:
    text = "[times]\nregex: \\d+ ms\nreplace: TIME\n\n[more]\nregex: a+\nreplace: A\n"
    assert verdict(run(prints("12 ms aa")), run(prints("7 ms aaa")), text) == Verdict.SAME
    assert verdict(run(prints("12 s")), run(prints("7 s")), text) == Verdict.DIFFERENT


def test_nbval_ignore_output_allows_any_output_but_no_error() -> None:
    source = "# NBVAL_IGNORE_OUTPUT\nrandom()"
    assert verdict(run(shows("1"), source=source), run(shows("2"), source=source)) == Verdict.SAME
    assert verdict(run(shows("1"), source=source), run(fails(), source=source)) == Verdict.BROKEN


def test_nbval_raises_exception_allows_an_error() -> None:
    source = "# NBVAL_RAISES_EXCEPTION\nboom()"
    assert run(fails(), source=source).is_clean
    assert verdict(run(fails(), source=source), run(fails(), source=source)) == Verdict.SAME


def test_markers_are_tags_or_comments_on_their_own_line() -> None:
    assert parse_markers("x = 1  # NBVAL_SKIP", []) == frozenset()
    assert parse_markers("  # NBVAL_SKIP", ["raises-exception", 3, "else"]) == {"skip", "raises"}


def test_flaky_output_is_not_a_regression() -> None:
    before, after = run(shows("0.1")), run(shows("0.2"))
    (cell,) = compare_runs(before, after, repeats=[run(shows("0.3"))])
    assert (cell.verdict, cell.is_regression) == (Verdict.FLAKY, False)
    (cell,) = compare_runs(before, after, repeats=[run(shows("0.1"))])
    assert (cell.verdict, cell.is_regression) == (Verdict.DIFFERENT, True)


def test_fixed_and_already_failing_cells_are_not_regressions() -> None:
    pairs = [((), (fails(),)), ((fails(),), ()), ((fails(),), (fails(),)), ((), ())]
    cells = tuple(cell for old, new in pairs for cell in compare_runs(run(*old), run(*new)))
    plan = Plan(
        requested=(),
        changes=(),
        environment_fingerprint="",
        python=Path(),
        created=datetime.now(UTC),
    )
    rehearsal = Rehearsal(plan=plan, cells=cells)
    assert [str(cell) for cell in rehearsal.regressions] == ["cell 1 of a.ipynb (ValueError: no)"]
    assert not rehearsal.passed


def test_secrets_in_a_cell_error_are_removed() -> None:
    (cell,) = compare_runs(
        run(), run(fails(text="https://me:hunter2@host.invalid/ API_TOKEN=s3cr3t-s3cr3t"))
    )
    assert "hunter2" not in str(cell)
    assert "s3cr3t" not in str(cell)


def test_version_numbers_of_changed_packages_are_not_a_difference() -> None:
    name = canonicalize_name("seedshelf")
    change = Change(id=name, name=name, before=Version("1.4.1"), after=Version("1.4.2"))
    short = Change(id=name, name=name, before=Version("2.0"), after=Version("3.0"))
    plan = Plan(
        requested=(),
        changes=(change, short),
        environment_fingerprint="",
        python=Path(),
        created=datetime.now(UTC),
    )

    def masked_verdict(before: str, after: str) -> Verdict:
        (cell,) = compare_runs(run(prints(before)), run(prints(after)), mask_versions(plan))
        return cell.verdict

    assert masked_verdict("seedshelf 1.4.1.", "seedshelf 1.4.2.") == Verdict.SAME
    assert masked_verdict("11.4.1", "11.4.2") == Verdict.DIFFERENT
    assert masked_verdict("1.4.1.5", "1.4.2.5") == Verdict.DIFFERENT
    assert masked_verdict("2.0", "3.0") == Verdict.DIFFERENT


def test_digest_of_a_notebook_depends_only_on_its_code() -> None:
    one, two = run(shows("1")).script, run(shows("2")).script
    assert one.digest == two.digest
    assert one.digest != run(source="y").script.digest
