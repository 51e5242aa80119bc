"""Values as HTML without widgets: text is escaped and shown in full."""

from __future__ import annotations

from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.presentation import package_table_html, value_html

HOSTILE = "<img src=x>\u202egnp.\x1b[2K\x00"
SAFE = "&lt;img src=x&gt;\\u202egnp.\\x1b[2K\\x00"


def test_package_html_escapes_metadata() -> None:
    package = PackageInfo(name="pea", version="1", summary=HOSTILE, error=HOSTILE)
    page = value_html.package_html(package)
    assert page.count(f"<td>{SAFE}</td>") == 2
    assert f"<td>{SAFE}</td>" in package_table_html.package_table_html("Packages", [package])
