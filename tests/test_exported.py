"""The public API: its names, signatures and docstrings."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import pkgwidgets
from pkgwidgets import PackageService, demo

SERVICE = {
    "apply": "plan, *, report=None",
    "cancel": "transaction=None",
    "change_token": "",
    "check_advisories": "names=None, *, report=None",
    "check_for_updates": "name=None, refresh=False, *, report=None",
    "copy_environment": "name, python=None, only=None, *, report=None",
    "current_transaction": "",
    "drift": "source",
    "embed": "notebook, *, script=False, report=None",
    "environments": "",
    "export": "file_name='pylock.toml', *, report=None",
    "find_notebook": "told=''",
    "follow": "transaction=None, *, report=None",
    "get_package": "name, check_updates=False",
    "get_package_by_id": "id, check_updates=False",
    "dismiss_note": "name",
    "get_packages": "check_updates=False, *, report=None",
    "get_dependencies": "name",
    "get_summary": "name, *, report=None",
    "history": "",
    "hold": "name, versions=None, *, reason='', until=None",
    "holds": "",
    "impact": "plan, notebook=None, *, report=None",
    "install_package": "requirement, *, report=None",
    "keep_environment": "name",
    "list_events": "transaction",
    "list_recovered": "",
    "list_releases": "name, *, report=None",
    "list_unlocks": "*, report=None",
    "list_variables": "",
    "plan_copy": "name, python=None, only=None, *, report=None",
    "plan_fix": "names=None, *, sources=(), report=None",
    "plan_install": "requirement, allow='dependencies', *, project=False, report=None",
    "plan_known_good": "notebook, *, report=None",
    "plan_restore": "source=None, exact=False, *, as_of=None, report=None",
    "plan_surviving": "notebooks, *, report=None",
    "plan_undo": "transaction=None, *, report=None",
    "plan_uninstall": "names, *, project=False",
    "plan_upgrade": "names=None, version=None, allow='dependencies', *, step=None, notebooks=(), "
    "root=None, allow_untried=False, project=False, report=None",
    "prepare": "plan, *, report=None",
    "project": "",
    "read_only_reason": "",
    "rehearse": (
        "plan, notebooks, *, seconds=600.0, network=False, sanitize=None, root=None, report=None"
    ),
    "remove_environment": "name",
    "suggest_projects": "text='', *, limit=20",
    "undo": "transaction=None, *, report=None",
    "unhold": "name, versions=None",
    "uninstall_package": "names, *, report=None",
    "upgrade_all_packages": (
        "*, step=None, skip_failing=False, notebooks=(), root=None, check=(), allow_untried=False, "
        "report=None"
    ),
    "use_advisories": "*sources",
    "upgrade_package": "name, version=None, *, step=None, report=None",
}
"""The methods of `PackageService`, and what they take."""

PROPERTIES = ["index_url", "prefix", "python", "python_version"]

PACKAGE = Path(pkgwidgets.__file__).parent

Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_public_names_are_unique_and_in_dir() -> None:
    assert len({*pkgwidgets.__all__}) == len(pkgwidgets.__all__)
    assert {*pkgwidgets.__all__} <= {*dir(pkgwidgets)}


@pytest.mark.parametrize("name", pkgwidgets.__all__)
def test_public_objects_have_the_name_they_are_exported_under(name: str) -> None:
    value = getattr(pkgwidgets, name)
    assert value == pkgwidgets.__version__ or value.__name__ == name


def test_demo_module_exports_demo_and_start() -> None:
    assert demo.__all__ == ["Demo", "start"]
    assert inspect.isfunction(demo.start)


@pytest.mark.parametrize("name", ["packages", "PackageServices", "__path_of_another__"])
def test_unknown_name_raises_attribute_error(name: str) -> None:
    with pytest.raises(AttributeError, match=f"'pkgwidgets' has no attribute '{name}'"):
        getattr(pkgwidgets, name)


def test_service_has_exactly_the_documented_methods() -> None:
    methods = {name for name, value in vars(PackageService).items() if inspect.isfunction(value)}
    assert {name for name in methods if not name.startswith("_")} == set(SERVICE)


@pytest.mark.parametrize("name", SERVICE)
def test_service_methods_have_the_documented_signatures(name: str) -> None:
    signature = inspect.signature(getattr(PackageService, name))
    _, *parameters = (
        parameter.replace(annotation=parameter.empty) for parameter in signature.parameters.values()
    )
    assert str(inspect.Signature(parameters)) == f"({SERVICE[name]})"


def test_service_has_exactly_the_documented_properties() -> None:
    properties = [
        name for name, value in vars(PackageService).items() if isinstance(value, property)
    ]
    assert sorted(properties) == PROPERTIES


def public(
    node: ast.Module | ast.ClassDef, name: str
) -> Iterator[tuple[str, ast.Module | ast.ClassDef | Function]]:
    """Yield a module and its public definitions, with dotted names."""
    yield name, node
    for child in node.body:
        if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            yield from public(child, f"{name}.{child.name}")
        elif isinstance(child, Function) and not child.name.startswith("_"):
            yield f"{name}.{child.name}", child


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_everything_public_has_a_docstring(path: Path) -> None:
    definitions = public(ast.parse(path.read_text("utf-8")), path.stem)
    assert [name for name, node in definitions if not ast.get_docstring(node)] == []


def test_docstring_check_finds_a_missing_docstring() -> None:
    code = "'''Top.'''\nclass A:\n    def documented(self): 'x'\n    def undocumented(self): pass"
    tree = ast.parse(code)
    assert [n for n, node in public(tree, "m") if not ast.get_docstring(node)] == [
        "m.A",
        "m.A.undocumented",
    ]
