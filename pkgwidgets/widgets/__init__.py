"""The panel.

Imports `notebook/service.py`, `presentation/` and `core/`. The only folder that imports ipywidgets.
"""
