"""The exported names, and that each name of 0.1 keeps working."""

from __future__ import annotations

import inspect
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

import pkgwidgets
from pkgwidgets import Change, HeldBack, PackageService, Plan
from pkgwidgets.core import errors

EXPORTED_BY_0_1 = ("PackagePanel", "PackageService", "PkgwidgetsError", "compare_versions")
METHODS_OF_0_1 = (
    "apply", "cancel", "check_for_updates", "find_notebook", "follow", "get_package",
    "get_package_by_id", "get_packages", "get_relations", "history", "impact", "install_package",
    "list_events", "list_history", "list_impact", "list_packages", "list_recovered",
    "list_rehearsed", "list_releases", "list_updates", "list_variables", "plan_install",
    "plan_surviving", "plan_undo", "plan_uninstall", "plan_upgrade", "refusal", "rehearse",
    "restore_known_good", "running", "stamp", "undo", "uninstall_package", "upgrade_all_packages",
    "upgrade_package",
)  # fmt: skip
"""Every method that the README of 0.1 named."""
ATTRIBUTES_OF_0_1 = ("python", "prefix", "python_version", "index_url")


def _errors(root: type[errors.PkgwidgetsError]) -> set[type[errors.PkgwidgetsError]]:
    below = {kind for kind in root.__subclasses__() if kind.__module__ == errors.__name__}
    return {root}.union(*map(_errors, below))


@pytest.mark.parametrize("name", pkgwidgets.__all__)
def test_each_exported_name_exists_and_has_a_docstring(name: str) -> None:
    value = getattr(pkgwidgets, name)
    assert isinstance(value, str) or inspect.getdoc(value)


@pytest.mark.parametrize("name", EXPORTED_BY_0_1)
def test_names_exported_by_0_1_are_still_exported(name: str) -> None:
    assert name in pkgwidgets.__all__


def test_every_error_is_exported() -> None:
    assert {kind.__name__ for kind in _errors(errors.PkgwidgetsError)} <= {*pkgwidgets.__all__}


def test_unknown_name_raises_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = pkgwidgets.nonsense


def test_package_version_is_a_normalized_version() -> None:
    assert str(Version(pkgwidgets.__version__)) == pkgwidgets.__version__


@pytest.fixture(scope="module")
def service() -> PackageService:
    return PackageService(index_url="http://127.0.0.1:9/simple")


@pytest.mark.parametrize("name", METHODS_OF_0_1)
def test_each_method_of_0_1_can_still_be_called(service: PackageService, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert callable(getattr(service, name))


@pytest.mark.parametrize("name", ATTRIBUTES_OF_0_1)
def test_each_attribute_of_0_1_still_exists(service: PackageService, name: str) -> None:
    assert getattr(service, name)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("refusal", "read_only_reason"),
        ("stamp", "change_token"),
        ("running", "current_transaction"),
        ("list_packages", "packages"),
        ("list_history", "history"),
    ],
)
def test_renamed_method_warns_and_returns_the_same_as_the_new_one(
    service: PackageService, old: str, new: str
) -> None:
    home = service if hasattr(type(service), new) and old != "list_history" else service.values
    getattr(home, new)()  # the first call loads psutil, and a row says so
    with pytest.warns(DeprecationWarning, match=f"PackageService.{old} is deprecated: use .*{new}"):
        answer = getattr(service, old)()
    assert answer == getattr(home, new)()


def test_renamed_method_accepts_its_old_arguments(
    service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.warns(DeprecationWarning, match="get_dependencies"):
        relations = cast("Any", service).get_relations("pkgwidgets")
    assert "pandas" in relations.requires
    monkeypatch.setattr(service.values, "updates", lambda *given, **named: (given, named))
    with pytest.warns(DeprecationWarning, match=r"values\.updates"):
        answer = cast("Any", service).list_updates("pandas", refresh=True)
    assert answer == (("pandas",), {"refresh": True})


def test_deprecated_keyword_check_means_notebooks(
    service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def plan_upgrade(self: PackageService, **options: object) -> Plan:
        seen.append(options["notebooks"])
        raise KeyError

    monkeypatch.setattr(PackageService, "plan_upgrade", plan_upgrade)
    with pytest.warns(DeprecationWarning, match="notebooks="), pytest.raises(KeyError):
        service.upgrade_all_packages(check=["a.ipynb"])
    with pytest.warns(DeprecationWarning, match="notebooks="), pytest.raises(KeyError):
        service.plan_surviving("a.ipynb")
    assert seen == [["a.ipynb"], "a.ipynb"]


def test_notebooks_with_names_are_refused(service: PackageService) -> None:
    with pytest.raises(errors.InvalidRequest, match="leave names and version out"):
        service.plan_upgrade("pandas", notebooks=["a.ipynb"])
    with pytest.raises(errors.InvalidRequest, match="leave project out"):
        service.plan_upgrade(notebooks=["a.ipynb"], project=True)


@pytest.mark.parametrize(
    ("old", "new"),
    [("marked", "requested_after"), ("because", "reason"), ("starts", "startup_files")],
)
def test_renamed_field_of_a_change_warns(old: str, new: str) -> None:
    change = Change(id=canonicalize_name("pea"), name="pea", reason="needed by pod")
    with pytest.warns(DeprecationWarning, match=f"Change.{old} is deprecated: use {new}"):
        assert getattr(change, old) == getattr(change, new)


def test_renamed_fields_of_plans_warn() -> None:
    held_back = HeldBack(
        id=canonicalize_name("pea"), name="pea", kept_version=Version("1"), latest=None, reason="no"
    )
    plan = Plan(
        requested=(),
        changes=(),
        environment_fingerprint="abc",
        python=Path("python"),
        created=datetime.now(UTC),
    )
    for value, old, new in (
        (held_back, "stays", "kept_version"),
        (held_back, "unlock", "how_to_unblock"),
        (plan, "environment", "environment_fingerprint"),
    ):
        with pytest.warns(DeprecationWarning, match=f"{old} is deprecated: use {new}"):
            assert getattr(value, old) == getattr(value, new)
