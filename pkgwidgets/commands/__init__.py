"""Verbs, options, and a request → a plan: what the command line, the magic and REST share.

Imports `core/`, `operations/`, `connect` and `recover`. The front ends import it,
never one another.
"""
