"""Values as what a reader sees: HTML, tables of text, JSON payloads, row actions.

Imports `core/` and `analysis/`.
"""
