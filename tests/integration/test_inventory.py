"""Packages that did not come from an index are not requested there."""

from __future__ import annotations

import json

import pytest

from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.origins import Origin
from pkgwidgets.demo import Demo
from pkgwidgets.operations import inventory

# --- updates


@pytest.mark.parametrize("direct", ["dir_info", "vcs_info", "archive_info"])
def test_package_from_a_url_or_folder_is_not_requested(
    backend: Backend, garden: Demo, direct: str
) -> None:
    url = garden.site_packages / "seedshelf-1.4.1.dist-info" / "direct_url.json"
    url.write_text(json.dumps({"url": "file:///src", direct: {"editable": True}}))
    rows = {info.name: info for info in inventory.check_for_updates(backend)}
    assert (rows["seedshelf"].latest_version, rows["seedshelf"].update_available) == (None, None)
    assert rows["seedshelf"].origin in (Origin.EDITABLE, Origin.VCS, Origin.URL)
    assert "/simple/seedshelf/" not in garden.index.requests
    assert "/simple/frostcall/" in garden.index.requests
