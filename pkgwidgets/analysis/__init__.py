"""Analyze notebooks, as source and as runs, and the effect of a plan on them.

Imports `core/`, the standard library and packaging.
"""
