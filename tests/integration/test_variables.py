"""Variables that a restart would lose: neither the service nor anything outside a kernel."""

from __future__ import annotations

from pkgwidgets import PackageService
from pkgwidgets.notebook import variables


def test_service_object_is_not_listed_as_a_variable(service: PackageService) -> None:
    assert variables.describe_variables({"service": service}, {}) == ()


def test_no_variables_are_listed_outside_a_kernel(service: PackageService) -> None:
    assert service.list_variables() == ()
