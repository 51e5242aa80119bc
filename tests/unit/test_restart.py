"""Whether a change needs a restart of the kernel: not needed, advised or required, and why."""

from __future__ import annotations

import pytest
from fakes import change_of
from packaging.utils import NormalizedName, canonicalize_name

from pkgwidgets.core import restart
from pkgwidgets.core.kernels import Restart
from pkgwidgets.core.plans import Change
from pkgwidgets.core.restart import LoadedPackage, StalePackage

PURE = LoadedPackage(version="1")
LAZY = LoadedPackage(version="1", waiting=3)
HARD = LoadedPackage(version="1", extension="_pods.so", waiting=3)


def loaded(**known: LoadedPackage) -> dict[NormalizedName, LoadedPackage]:
    return {canonicalize_name(name): package for name, package in known.items()}


@pytest.mark.parametrize(
    ("change", "known", "sentence"),
    [
        (change_of("Pea", "1", "2"), {}, "no restart needed"),
        (change_of("Pea", "1", "2"), {"bean": HARD}, "no restart needed"),
        (change_of("Pea", None, "2"), {}, "no restart needed"),
        (change_of("Pea", "2", "1"), {"pea": HARD}, "no restart needed"),
        (change_of("Pea", "1", "2"), {"pea": PURE}, "restart advised: Pea 1 is loaded"),
        (
            change_of("Pea", "1", "2"),
            {"pea": LAZY},
            "restart advised: Pea 1 is loaded, and 3 modules that are not loaded yet would be "
            "imported from 2",
        ),
        (change_of("Pea", "1", None), {"pea": LAZY}, "restart advised: Pea 1 is loaded"),
        (
            change_of("Pea", "1", "2"),
            {"pea": HARD},
            "restart required: Pea 1 is loaded, and its compiled code is in use",
        ),
        (
            change_of("tornado", "1", "2"),
            {"tornado": LAZY},
            "restart required: tornado 1 is loaded, and the kernel itself runs on it",
        ),
    ],
)
def test_restart_before_a_change_depends_on_the_loaded_packages(
    change: Change, known: dict[str, LoadedPackage], sentence: str
) -> None:
    assert str(restart.restart_before([change], loaded(**known))) == sentence


@pytest.mark.parametrize("name", sorted(restart.KERNEL_PACKAGES))
def test_changed_kernel_package_requires_a_restart(name: str) -> None:
    known = {canonicalize_name(name): PURE}
    verdict = restart.restart_before([change_of(name, "1", "2")], known)
    assert (verdict.verdict, verdict.required) == ("required", (name,))
    assert restart.restart_before([change_of(name, "1", "2")], {}).verdict == "not needed"


def test_restart_reason_afterwards_names_both_versions() -> None:
    known = {canonicalize_name("numpy"): LoadedPackage(version="1.26.4")}
    after = restart.restart_after([change_of("numpy", "1.26.4", "2.1.0")], known)
    assert str(after) == "restart advised: numpy 1.26.4 is still loaded, 2.1.0 is installed"
    gone = restart.restart_after([change_of("numpy", "1.26.4", None)], known)
    assert str(gone).endswith("numpy 1.26.4 is still loaded, it is no longer installed")


def test_packages_that_require_a_restart_are_named_first() -> None:
    changed = [change_of("a", "1", "2"), change_of("b", "1", "2"), change_of("c", "1", "2")]
    verdict = restart.restart_before(changed, loaded(a=PURE, b=HARD))
    assert verdict.loaded == ("a", "b")
    assert verdict.required == ("b",)
    assert [reason.split()[0] for reason in verdict.reasons] == ["b", "a"]


def test_return_to_the_loaded_version_needs_no_restart() -> None:
    known = loaded(pea=HARD)
    assert restart.restart_before([change_of("pea", "1", "2")], known).needed
    assert not restart.restart_before([change_of("pea", "2", "1")], known).needed


def test_stale_package_names_the_loaded_and_the_installed_version() -> None:
    replaced = StalePackage(name="b", loaded="1", installed="2")
    assert str(replaced) == "b 1 is still loaded, 2 is installed"
    uninstalled = StalePackage(name="c", loaded="1", installed=None)
    assert str(uninstalled) == "c 1 is still loaded, it is no longer installed"


def test_restart_without_reasons_counts_as_required() -> None:
    verdict = Restart(needed=True, loaded=("pea",))
    assert (str(verdict), verdict.verdict) == ("restart needed: pea is loaded", "required")


# --- other kernels


def mapped(*names: str) -> set[NormalizedName]:
    return {canonicalize_name(name) for name in names}


@pytest.mark.parametrize(
    ("changes", "known", "sentence"),
    [
        ([change_of("Pea", "1", "2")], ["pea"], "restart needed: Pea is loaded"),
        ([change_of("Pea", "1", None)], ["pea"], "restart needed: Pea is loaded"),
        ([change_of("Pea", "1", "2")], ["bean"], "needed if the kernel has imported Pea"),
        ([change_of("Pea", "1", "2"), change_of("bean", "1", None), change_of("fig", None, "1")],
         [], "needed if the kernel has imported Pea, bean"),
        ([change_of("a", "2", "1"), change_of("b", "1", "2")], ["a", "b"],
         "restart needed: a and b are loaded"),
        ([change_of("a", "1", "2"), change_of("b", "1", "2"), change_of("c", "1", "2")],
         ["a", "b", "c"], "restart needed: a, b and c are loaded"),
        ([change_of("Pea", None, "1")], [], "no installed package is changed"),
        ([], ["pea"], "no installed package is changed"),
    ],
)  # fmt: skip
def test_restart_of_another_kernel_depends_on_its_loaded_packages(
    changes: list[Change], known: list[str], sentence: str
) -> None:
    verdict = restart.restart_from_outside(changes, mapped(*known))
    assert verdict.reason == sentence
    needed = {"no": False, "needed": None, "restart": True}[sentence.split()[0]]
    assert verdict.needed is needed
    assert bool(verdict.loaded) is (needed is True)


def test_uninstalled_package_that_is_still_mapped_counts_as_loaded() -> None:
    changes = [change_of("pea", None, "2")]
    assert restart.restart_before(changes, loaded(pea=HARD)).needed
    assert restart.restart_from_outside(changes, mapped("pea")).loaded == ("pea",)


@pytest.mark.parametrize("name", sorted(restart.KERNEL_PACKAGES - {"pkgwidgets"}))
def test_kernel_packages_count_as_loaded_in_every_kernel(name: str) -> None:
    assert restart.restart_from_outside([change_of(name, "1", "2")], ()).loaded == (name,)
    # An environment that lacks it runs no kernel of its own.
    assert restart.restart_from_outside([change_of(name, None, "2")], ()).needed is False


def test_restart_is_undecided_if_only_pkgwidgets_changes() -> None:
    verdict = restart.restart_from_outside([change_of("pkgwidgets", "1", "2")], ())
    assert (verdict.needed, verdict.reason) == (
        None,
        "needed if the kernel has imported pkgwidgets",
    )


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("/a/_pods.cpython-311-x86_64-linux-gnu.so", True),
        ("/a.libs/libgfortran.so.5.0.0", True),
        ("/a/_pods.pyd", True),
        ("/a/_pods.so.py", False),
        ("/a/pods.py", False),
        ("/a/pods.sock", False),
    ],
)
def test_libraries_are_recognized_by_file_name(path: str, is_one: bool) -> None:
    assert restart.is_library(path) is is_one
