"""Durable files of transactions: lock, journal, save points.

STANDARD LIBRARY ONLY: recovery runs it when nothing else runs.
"""
