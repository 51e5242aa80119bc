"""The API in a kernel: `PackageService`, DataFrames, magic.

The only folder that imports pandas.
"""
