"""What a change means for a kernel: not needed, advised or required, and why."""

from __future__ import annotations

import pytest
from fakes import change_of
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pkgwidgets.core import restart
from pkgwidgets.core.kernels import Restart
from pkgwidgets.core.plans import Change
from pkgwidgets.core.restart import LoadedPackage

PURE = LoadedPackage(version="1")
LAZY = LoadedPackage(version="1", waiting=3)
HARD = LoadedPackage(version="1", extension="_pods.so", waiting=3)


def loaded(**known: LoadedPackage) -> dict[NormalizedName, LoadedPackage]:
    return {canonicalize_name(name): each for name, each in known.items()}


@pytest.mark.parametrize(
    ("change", "known", "said"),
    [
        (change_of("Pea", "1", "2"), {}, "no restart needed"),
        (change_of("Pea", "1", "2"), {"bean": HARD}, "no restart needed"),
        (change_of("Pea", None, "2"), {}, "no restart needed"),
        (change_of("Pea", "2", "1"), {"pea": HARD}, "no restart needed"),
        (change_of("Pea", "1", "2"), {"pea": PURE}, "restart advised: Pea 1 is loaded"),
        (
            change_of("Pea", "1", "2"),
            {"pea": LAZY},
            "restart advised: Pea 1 is loaded, and 3 modules that are not loaded yet would come "
            "from 2",
        ),
        (change_of("Pea", "1", None), {"pea": LAZY}, "restart advised: Pea 1 is loaded"),
        (
            change_of("Pea", "1", "2"),
            {"pea": HARD},
            "restart required: Pea 1 is loaded, with the library _pods.so, which no process can "
            "replace",
        ),
        (
            change_of("tornado", "1", "2"),
            {"tornado": LAZY},
            "restart required: tornado 1 is loaded, and the kernel itself runs on it",
        ),
    ],
)
def test_the_verdict_before(change: Change, known: dict[str, LoadedPackage], said: str) -> None:
    assert str(restart.restart_before([change], loaded(**known))) == said


@pytest.mark.parametrize("name", sorted(restart.KERNEL_CRITICAL))
def test_what_the_kernel_runs_on_needs_a_restart(name: str) -> None:
    known = {canonicalize_name(name): PURE}
    verdict = restart.restart_before([change_of(name, "1", "2")], known)
    assert (verdict.verdict, verdict.required) == ("required", (name,))
    assert restart.restart_before([change_of(name, "1", "2")], {}).verdict == "not needed"


def test_afterwards_each_is_named_with_both_versions() -> None:
    known = {canonicalize_name("numpy"): LoadedPackage(version="1.26.4")}
    after = restart.restart_after([change_of("numpy", "1.26.4", "2.1.0")], known)
    assert str(after) == "restart advised: numpy 1.26.4 is still loaded, 2.1.0 is installed"
    gone = restart.restart_after([change_of("numpy", "1.26.4", None)], known)
    assert str(gone).endswith("numpy 1.26.4 is still loaded, it is installed no more")


def test_what_is_required_is_said_first() -> None:
    changed = [change_of("a", "1", "2"), change_of("b", "1", "2"), change_of("c", "1", "2")]
    verdict = restart.restart_before(changed, loaded(a=PURE, b=HARD))
    assert verdict.loaded == ("a", "b")
    assert verdict.required == ("b",)
    assert [reason.split()[0] for reason in verdict.reasons] == ["b", "a"]


def test_going_back_to_what_is_loaded_needs_no_restart() -> None:
    known = loaded(pea=HARD)
    assert restart.restart_before([change_of("pea", "1", "2")], known).needed
    assert not restart.restart_before([change_of("pea", "2", "1")], known).needed


def test_what_is_stale_is_told_in_the_order_of_names() -> None:
    running = {canonicalize_name(n): v for n, v in {"b": "1", "a": "1", "c": "1"}.items()}
    now = {canonicalize_name(n): Version(v) for n, v in {"a": "1", "b": "2"}.items()}
    assert [str(each) for each in restart.stale_packages(running, now)] == [
        "b 1 is still loaded, 2 is installed",
        "c 1 is still loaded, it is installed no more",
    ]


def test_seen_from_outside_it_is_only_needed() -> None:
    verdict = Restart(needed=True, loaded=("pea",))
    assert (str(verdict), verdict.verdict) == ("restart needed: pea is loaded", "required")
