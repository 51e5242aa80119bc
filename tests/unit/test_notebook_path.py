"""The notebook of a kernel is found from its server and from the name in the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from pkgwidgets.notebook.notebook_path import find_notebook


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a notebook for which a server started this kernel."""
    file = tmp_path / "home" / "sub" / "report.ipynb"
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    monkeypatch.setenv("JPY_SESSION_NAME", str(file))
    return file


def test_notebook_is_found_from_the_session_name(report: Path) -> None:
    assert find_notebook() == report


@pytest.mark.parametrize(
    "shown_name", ["sub/renamed.ipynb", "RTC:sub/renamed.ipynb", "renamed.ipynb"]
)
def test_renamed_notebook_is_found_from_the_name_in_the_page(report: Path, shown_name: str) -> None:
    renamed = report.rename(report.with_name("renamed.ipynb"))
    assert find_notebook(shown_name) == renamed
    assert find_notebook() is None


@pytest.mark.parametrize(
    "shown_name",
    ["sub/gone.ipynb", "elsewhere/report.ipynb", "../report.ipynb", "ub/report.ipynb", "sub", "/"],
)
def test_notebook_name_without_a_file_is_not_accepted(report: Path, shown_name: str) -> None:
    assert find_notebook(shown_name) is None


def test_no_notebook_is_found_without_a_usable_session_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert find_notebook() is None
    monkeypatch.setenv("JPY_SESSION_NAME", "f3a9c1")
    assert find_notebook() is None
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path))
    assert find_notebook() is None


def test_notebook_is_found_from_the_vs_code_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Shell:
        user_ns: dict[str, object] = {"__vsc_ipynb_file__": str(tmp_path / "a.ipynb")}  # noqa: RUF012

    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.setattr("IPython.get_ipython", Shell)
    assert find_notebook() is None
    (tmp_path / "a.ipynb").write_text("{}")
    assert find_notebook() == tmp_path / "a.ipynb"
    Shell.user_ns["__vsc_ipynb_file__"] = object()
    assert find_notebook() is None
