"""What a restart loses: not the service of an environment, and nothing outside a kernel."""

from __future__ import annotations

from pkgwidgets import PackageService
from pkgwidgets.notebook import variables


def test_what_is_ours_is_not_lost_but_made_anew(service: PackageService) -> None:
    assert variables.describe_variables({"service": service}, {}) == ()


def test_in_no_kernel_there_is_nothing_to_lose(service: PackageService) -> None:
    assert service.list_variables() == ()
