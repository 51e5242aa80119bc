"""Use cases over a `Backend`: list, plan, apply, recover, rehearse.

Imports `core/` and `analysis/`.
"""
