"""Durable files of transactions: lock, journal, save points.

STANDARD LIBRARY ONLY: recovery runs on it when nothing else runs.
"""
