"""Text that is pasted into the panel's form is parsed, and titles are short."""

from __future__ import annotations

import pytest

from pkgwidgets.core import typed_requirement
from pkgwidgets.presentation import request_titles


@pytest.mark.parametrize(
    ("text", "requirement", "name"),
    [
        ("polars", "polars", "polars"),
        ("  polars>=1 ", "polars>=1", "polars"),
        ("pip install polars", "polars", "polars"),
        ("%pip install -U polars[all]>=1", "polars[all]>=1", "polars"),
        ("!uv pip install --upgrade 'polars'", "polars", "polars"),
        ("python -m pip install polars==1.0", "polars==1.0", "polars"),
        ("uv add polars", "polars", "polars"),
        ("pip", "pip", "pip"),
        ("add", "add", "add"),
    ],
)
def test_pasted_install_command_is_understood(text: str, requirement: str, name: str) -> None:
    assert typed_requirement.strip_command(text) == requirement
    assert typed_requirement.project_name(text) == name


def test_title_names_at_most_three_packages() -> None:
    assert request_titles.format_names(None) == "all"
    assert request_titles.format_names(["a", "b", "c"]) == "a, b, c"
    assert request_titles.format_names(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
