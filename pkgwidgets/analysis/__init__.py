"""Notebooks, read or run, and what a plan means for them.

Imports `core/` and the standard library.
"""
