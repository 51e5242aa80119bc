"""Show the panel in a notebook.

Imports `notebook/service.py`, `presentation/` and `core/`. The only folder that imports ipywidgets.
"""
