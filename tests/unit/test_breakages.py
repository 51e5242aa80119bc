"""A breakage is kept as a text in journals, and read again."""

from __future__ import annotations

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.core.breakages import Breakage


def breakage(error: str, broken: str = "barrow") -> Breakage:
    return Breakage(
        culprit=canonicalize_name("spade"),
        culprit_version=Version("2!2.0rc1+local"),
        broken=canonicalize_name(broken),
        broken_version=Version("1.0"),
        error=error,
    )


@pytest.mark.parametrize("error", ["", "KeyError: 'x breaks y==1: z'", "two\nlines"])
def test_text_is_read_again(error: str) -> None:
    assert Breakage.parse(str(breakage(error))) == breakage(error)


@pytest.mark.parametrize("text", ["", "spade", "a==1 breaks b==oak: x", "a==1 breaks b: x"])
def test_other_text_is_none(text: str) -> None:
    assert Breakage.parse(text) is None


def test_reason_names_both_packages_without_paths() -> None:
    error = "ImportError: cannot import name 'x' from 'spade' (/env/stage/spade.py)"
    assert breakage(error).reason == (
        "with spade 2!2.0rc1+local, barrow 1.0 cannot be imported "
        "(ImportError: cannot import name 'x' from 'spade')"
    )
    assert breakage("E: x", "spade").reason == "spade 2!2.0rc1+local cannot be imported (E: x)"
