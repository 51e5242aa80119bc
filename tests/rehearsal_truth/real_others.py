"""Upgrades of matplotlib, altair, plotly, SQLAlchemy, tqdm, ipywidgets and numpy."""

from __future__ import annotations

from functools import partial

from rehearsal_truth.truth import TruthNotebook, breaks, changes, noise, same

_older = partial(TruthNotebook, kind="real", environment="older")
_newer = partial(TruthNotebook, kind="real", environment="newer")
_CHART = """
    import altair as alt, pandas as pd
    alt.renderers.enable("mimetype")
    beds = pd.DataFrame({"bed": ["a", "b"], "kg": [1.5, 2.0], "rows": [1, 2]})
    chart = alt.Chart(beds).mark_bar()
    """

NOTEBOOKS = (
    _older(
        name="matplotlib-style",
        upgrade=("matplotlib",),
        version="3.9.2",
        cells=(
            same("%matplotlib inline\nimport matplotlib.pyplot as plt"),
            noise("plt.plot([1, 2, 3])"),
            noise("fig, axes = plt.subplots()\naxes.bar(['a', 'b'], [1, 2])\nplt.show()"),
            breaks("plt.plot([3, 1])\nplt.show()\nplt.style.use('seaborn-whitegrid')"),
            same("len(axes.patches)"),
        ),
    ),
    _older(
        name="altair-4-to-5",
        upgrade=("altair",),
        version="5.5.0",
        cells=(
            same(_CHART + "\n    None"),
            same("chart.encode(x='kg:Q').to_dict()['encoding']"),
            changes("chart.encode(x='kg:Q', y='rows:Q')"),
            breaks("from altair.vegalite.v4 import schema"),
        ),
    ),
    _newer(
        name="altair-schema",
        upgrade=("altair",),
        version="5.5.0",
        cells=(
            same(_CHART + "\n    None"),
            noise("chart.encode(x='kg:Q', y='rows:Q')"),
            noise("chart.encode(x='bed:N', y='kg:Q').properties(width=100)"),
        ),
    ),
    _older(
        name="plotly-ids",
        upgrade=("plotly",),
        version="5.24.1",
        cells=(
            same("""
                import plotly.graph_objects as go, plotly.io
                from IPython.display import HTML
                plotly.io.renderers.default = "plotly_mimetype"
                figure = go.Figure(go.Bar(x=["a", "b"], y=[1, 2]), layout={"template": "none"})
                """),
            same("figure"),
            noise("HTML(figure.to_html(full_html=False, include_plotlyjs=False))"),
        ),
    ),
    _older(
        name="sqlalchemy-log",
        upgrade=("sqlalchemy",),
        version="2.0.36",
        cells=(
            same("""
                from sqlalchemy import create_engine, text
                from sqlalchemy.engine import make_url
                engine = create_engine("sqlite://", echo=True, future=True)
                plain = create_engine("sqlite://")
                """),
            noise("with engine.connect() as c:\n    print(c.execute(text('select 1')).all())"),
            changes("str(make_url('postgresql://me:secret@host/beds'))"),
            breaks("""
                with engine.connect() as connection:
                    connection.execute(text("select 2"))
                print(plain.execute("select 1").all())
                """),
        ),
    ),
    _older(
        name="tqdm-bars",
        upgrade=("tqdm",),
        version="4.67.1",
        cells=(
            same("from tqdm import tqdm, trange\nfrom tqdm.notebook import tqdm as notebook_tqdm"),
            noise("sum(tqdm(range(50), desc='beds'))"),
            noise("[n * n for n in notebook_tqdm(range(5), leave=True)]"),
            noise("for _ in trange(3):\n    tqdm.write('one bed')"),
        ),
    ),
    _older(
        name="ipywidgets-7-to-8",
        upgrade=("ipywidgets",),
        version="8.1.5",
        cells=(
            same("import datetime, ipywidgets as widgets"),
            noise("slider = widgets.IntSlider(value=3)\nslider"),
            same("slider.value += 1\nslider.value"),
            noise("@widgets.interact(x=(0, 10))\ndef double(x):\n    print(2 * x)"),
            noise("""
                out = widgets.Output()
                with out:
                    print(datetime.datetime.now())
                display(out)
                """),
            changes("widgets.FileUpload().value"),
            breaks("print(datetime.datetime.now())\nwidgets.Text().on_displayed(print)"),
        ),
    ),
    _newer(
        name="numpy-2",
        upgrade=("numpy",),
        version="2.1.0",
        cells=(
            same("import numpy as np\nnp.arange(3) * 2"),
            noise("np.random.default_rng().random(3)"),
            changes("print(np.random.random())\nnp.array([1.5, 2]).sum()"),
            breaks("print(np.random.random())\nnp.float_(1) + 1"),
            same("np.random.default_rng(3).random(2).round(3)"),
        ),
    ),
)
