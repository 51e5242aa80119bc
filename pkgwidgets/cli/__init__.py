"""The command line.

Imports `core/`, `presentation/`, `operations/`, `connect` and `commands/`.
"""
