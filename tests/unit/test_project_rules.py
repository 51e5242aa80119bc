"""Findings of the rules for single projects."""

from __future__ import annotations

import pytest
from fakes import change_of

from pkgwidgets.analysis import project_rules
from pkgwidgets.analysis.name_usage import Cell, find_usage

HEAD = "import pandas as pd\nfrom pandas import read_csv\nf = pd.DataFrame({'a': [1]})\n"


def finding_texts(source: str, before: str = "2.3.0", after: str | None = "3.0.0") -> list[str]:
    change = change_of("pandas", before, after)
    used = find_usage([Cell(number=1, source=HEAD + source)]).uses
    return [finding.text for use in used for finding in project_rules.project_findings(use, change)]


@pytest.mark.parametrize(
    "source",
    [
        "f['a'][0] = 1",
        "f['a'][0] += 1",
        "f['a'].loc[0] = 1",
        "f.loc[f.a > 0]['a'] = 1",
        "f[['a', 'b']].iloc[0, 0] = 1",
        "f['a'].fillna(0, inplace=True)",
        "g = read_csv('x').dropna().reset_index()\ng['a'][0] = 1",
        "def go():\n    f['a'][0] = 1",
    ],
)
def test_chained_assignment_is_reported_for_pandas_3_only(source: str) -> None:
    assert finding_texts(source) == [
        "chained assignment changes nothing in pandas 3.0.0 (copy-on-write)"
    ]
    assert finding_texts(source, "2.1.0", "2.3.0") == []
    assert finding_texts(source, "3.0.0", "3.1.0") == []
    assert finding_texts(source, "2.3.0", None) == []


@pytest.mark.parametrize(
    "source",
    [
        "f['a'] = 1",
        "f.loc[0, 'a'] = 1",
        "f.fillna(0, inplace=True)",
        "f['a'][0]",
        "f['a'].fillna(0)",
        "d = f.to_dict()\nd['a'][0] = 1",
        "f = {'a': [1]}\nf['a'][0] = 1",
        "pd.read_html('x')[0]['a'] = 1",
        "import numpy as np\nn = np.zeros((2, 2))\nn[0][0] = 1",
    ],
)
def test_other_assignments_are_not_reported(source: str) -> None:
    assert finding_texts(source) == []
