"""Exact versions are written as a Ray job's environment; nothing else is."""

from __future__ import annotations

import pytest

import pkgwidgets.cluster
from pkgwidgets.cluster import ray_runtime_env
from pkgwidgets.core.errors import InvalidRequest


def test_exact_versions_are_written_sorted() -> None:
    assert ray_runtime_env(("pod==2", "bean[all]==1.0")) == {"uv": ["bean[all]==1.0", "pod==2"]}


@pytest.mark.parametrize("pin", ["pod", "pod>=2", "pod==2.*", "pod==2,<3", "pod @ file:///x", "=="])
def test_other_requirements_are_refused(pin: str) -> None:
    with pytest.raises(InvalidRequest):
        ray_runtime_env([pin])


@pytest.mark.parametrize("name", pkgwidgets.cluster.__all__)
def test_public_names_are_loaded_on_first_use(name: str) -> None:
    value = getattr(pkgwidgets.cluster, name)
    assert value.__name__ == name
    assert value.__doc__


def test_unknown_name_raises_attribute_error() -> None:
    with pytest.raises(AttributeError, match="sprinkler"):
        pkgwidgets.cluster.sprinkler  # noqa: B018
