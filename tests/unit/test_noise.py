"""What differs between plain runs is noise at its place; the rest of a text is compared."""

from __future__ import annotations

import time

import pytest

from pkgwidgets.analysis.noise import pattern_of

CLOCKS = ("2026-11-30 12:00:01.5 sown 700", "2026-11-30 12:00:02.25 sown 700")
REPR = "datetime.datetime(2026, 11, 30, 12, 0, {}) 700"


@pytest.mark.parametrize(
    ("plain", "same", "changed"),
    [
        (CLOCKS, "2026-12-01 00:00:00 sown 700", "2026-11-30 12:00:03.5 sown 70"),
        ((REPR.format(1), REPR.format(59)), REPR.format("1, 5"), REPR.format(2) + "0"),
        (("0.5 of 3", "0.25 of 3"), "1e-05 of 3", "0.75 of 4"),
        (("0.5 of 3", "0.25 of 3"), "-2.5 of 3", "nan of 3"),
        (("took 12.1s", "took 9s"), "took 110.25s", "gave 9s"),
        (("id=a1f", "id=b2"), "id=c", "id=c>"),
        (("[0.1  0.22]", "[0.15 0.3 ]"), "[0.7 0.1 ]", "(0.7 0.1)"),
        (("a\nb\nz", "a\nz"), "a\nb\nc\nz", "a\nb\ny"),
        (("start\n12\nend", "start\n13\nend"), "start\n14\nend", "start\n14\nEND"),
        (("x\ny", "y\nx"), "y\nx", "y\nz"),
        (("one 1", "one 2"), "one 3", "one 3\ntwo"),
        (("id 3fa8b2c1", "id b7e"), "id 9c1d2e3f", "id 9c 1d"),
        (("a\nb\nc\nd", "c\na\nd\nb"), "d\nc\nb\na", "d\nc\nb\nb"),
        (("", "late\n"), "late\n", "other\nlines\nthan\nthat\nwere\nnever\nseen\n"),
    ],
)
def test_only_the_place_of_noise_may_differ(
    plain: tuple[str, ...], same: str, changed: str
) -> None:
    pattern = pattern_of(plain)
    assert all(map(pattern.matches, plain))
    assert pattern.matches(same)
    assert not pattern.matches(changed)
    assert pattern.is_noisy


def test_equal_texts_have_no_noise() -> None:
    pattern = pattern_of(["12:00:01 a\nb"] * 3)
    assert not pattern.is_noisy
    assert pattern.matches("12:00:01 a\nb")
    assert not pattern.matches("12:00:02 a\nb")


def test_third_text_shows_more_noise() -> None:
    texts = ["5 of 7", "5 of 8", "6 of 7"]
    assert not pattern_of(texts[:2]).matches("6 of 9")
    assert pattern_of(texts).matches("6 of 9")


@pytest.mark.parametrize("count", [3, 20])
def test_noise_in_many_lines_hides_no_line_between_them(count: int) -> None:
    first, second, after = (
        "\n".join(f"{run * 37 + line}.5\ntotal {line}" for line in range(count))
        for run in (1, 2, 3)
    )
    pattern = pattern_of([first, second])
    assert pattern.matches(after)
    assert not pattern.matches(after.replace("total 2", "total 9"))


def test_long_outputs_are_compared_in_little_time() -> None:
    first, second = ("\n".join(f"{n * k} line" for n in range(4000)) for k in (1, 3))
    started = time.process_time()
    assert pattern_of([first, second]).matches(second)
    assert pattern_of([first * 3, second * 3]).matches(first * 3)
    assert time.process_time() - started < 20
