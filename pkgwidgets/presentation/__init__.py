"""Present values to readers: HTML, text tables, JSON payloads, row actions, hints.

Imports `core/` and `analysis/`.
"""
