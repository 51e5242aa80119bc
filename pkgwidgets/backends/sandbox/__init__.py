"""Checks outside the live environment: import checks, and notebooks in scratch kernels."""
