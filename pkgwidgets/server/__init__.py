"""The Jupyter Server extension: REST.

Imports `core/`, `presentation/`, `operations/`, `connect` and `commands/`. The only folder that
imports tornado.
"""
