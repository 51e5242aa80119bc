"""The package table without widgets is static HTML of limited length."""

from __future__ import annotations

from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.presentation import package_table_html


def test_static_html_is_escaped_and_limited_in_rows() -> None:
    hostile = "<script>alert(1)</script>"
    infos = [PackageInfo(name=hostile, version="1.0", error=hostile)] * 300
    text = package_table_html.package_table_html(hostile, infos)
    assert "<script>" not in text
    assert text.count("<tr>") == 201
    assert "and 100 more" in text
