"""Durable files of transactions: lock, journal, save points.

STANDARD LIBRARY ONLY: recovery runs on it when nothing else runs. Of `core/` it imports `errors`,
`error_json`, `hints` and `redaction`, which need no more.
"""
