"""Values as what a reader sees: HTML, JSON payloads, row actions.

Imports `core/` and `analysis/`.
"""
