"""Durable files of transactions: lock, journal, save points.

STANDARD LIBRARY ONLY: recovery runs on it when nothing else runs. Of `core/` it imports only
`differences`, `errors`, `error_json`, `hints` and `redaction`, which need no more.
"""
