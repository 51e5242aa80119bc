"""The outside world, a folder a subject. Imports `core/`, `analysis/` and one another."""
