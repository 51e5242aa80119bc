"""Values and rules of packaging.

Imports the standard library and packaging; `json_values` msgspec, too.
"""
