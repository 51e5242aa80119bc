"""Values and rules of packaging.

Imports the standard library and packaging; `plan_json` msgspec, too.
"""
