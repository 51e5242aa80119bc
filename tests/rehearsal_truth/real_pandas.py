"""Upgrades of pandas 1.5 to 2.2, with what people use next to it."""

from __future__ import annotations

from functools import partial

from rehearsal_truth.truth import TruthNotebook, breaks, changes, noise, same

_notebook = partial(
    TruthNotebook, kind="real", environment="older", upgrade=("pandas",), version="2.2.3"
)
_BEDS = """
    import pandas as pd
    beds = pd.DataFrame({"bed": ["a", "b", "a"], "kg": [1.5, 2.0, 3.0], "rows": [1, 2, 2]})
    """

NOTEBOOKS = (
    _notebook(
        name="pandas-styler-and-append",
        cells=(
            same(_BEDS),
            noise("beds.style.format(precision=1).highlight_max(subset=['kg'])"),
            breaks("display(beds.style.format(precision=2))\nbeds.append(beds)"),
            same("beds"),
        ),
    ),
    _notebook(
        name="pandas-styled-counts",
        cells=(
            same(_BEDS),
            changes("beds['rows'].value_counts().to_frame().style.background_gradient()"),
            noise("beds.style.bar(subset=['kg'])"),
        ),
    ),
    _notebook(
        name="pandas-mean-of-texts",
        cells=(
            same(_BEDS),
            same("beds.groupby('bed').mean(numeric_only=True)"),
            breaks("print(pd.Timestamp.now())\nbeds.mean()"),
            noise("print(pd.Timestamp.now())\nbeds.kg.mean()"),
        ),
    ),
    _notebook(
        name="pandas-other-picture",
        cells=(
            same("%matplotlib inline\nimport matplotlib.pyplot as plt"),
            same(_BEDS),
            same("beds['kg'].plot()"),
            changes("beds['rows'].value_counts().plot.bar();"),
        ),
    ),
    _notebook(
        name="pandas-data-above",
        folder="notebooks",
        files={"pyproject.toml": "[project]\nname = 'plot'\n", "data/beds.csv": "kg\n1\n2\n"},
        cells=(
            same("import pandas as pd\nbeds = pd.read_csv('../data/beds.csv')\nbeds"),
            breaks("list(beds.iteritems())"),
            same("beds.to_csv('copy.csv')\nopen('copy.csv').read()"),
        ),
    ),
    _notebook(
        name="pandas-and-bars",
        cells=(
            same("from tqdm import tqdm\nfrom tqdm.notebook import tqdm as notebook_tqdm"),
            same(_BEDS),
            noise("tqdm.pandas()\nbeds.kg.progress_apply(lambda kg: 2 * kg)"),
            changes("[beds['rows'].value_counts().name for _ in tqdm(range(3))]"),
            breaks("for _ in notebook_tqdm(range(3)):\n    beds = beds.append(beds)"),
        ),
    ),
)
