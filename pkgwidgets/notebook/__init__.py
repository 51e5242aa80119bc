"""The API in a kernel: `PackageService`, DataFrames, magic.

Imports `core/`, `analysis/`, `presentation/`, `operations/`, `connect` and `commands/`. The only
folder that imports pandas.
"""
