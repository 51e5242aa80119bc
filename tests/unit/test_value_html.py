"""Values as HTML without widgets: text is escaped and shown in full."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.presentation import package_table_html, value_html

HOSTILE = "<img src=x>\u202egnp.\x1b[2K\x00"
SAFE = "&lt;img src=x&gt;\\u202egnp.\\x1b[2K\\x00"


def test_package_html_escapes_metadata() -> None:
    package = PackageInfo(name="pea", version="1", summary=HOSTILE, error=HOSTILE)
    page = value_html.package_html(package)
    assert page.count(f'<td style="text-align:left">{SAFE}</td>') == 2
    assert f"<td>{SAFE}</td>" in package_table_html.package_table_html("Packages", [package])


def test_package_html_has_times_to_the_minute_and_words_for_truth_values() -> None:
    moment = datetime(2026, 11, 29, 22, 35, 28, 516176, tzinfo=UTC)
    package = PackageInfo(name="pea", version="1", installed=moment, requested=True)
    cells = re.findall(r">([^<]+)</td>", value_html.package_html(package))
    facts = dict(zip(cells[::2], cells[1::2], strict=True))
    assert (facts["installed"], facts["requested"]) == ("2026-11-29 22:35 UTC", "yes")
