"""Show the panel in a notebook.

Imports `notebook/service.py`, `presentation/`, `core/` and values of `analysis/`. The only folder
that imports ipywidgets.
"""
