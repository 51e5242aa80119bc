"""What users choose from when they plan, as words: for the help, which loads nothing else."""

from __future__ import annotations

# The types of the same words are in `plans`. They need `typing`, a tenth of the time of `--help`.
ALLOW_POLICIES = ("self", "dependencies", "all")
STEP_LIMITS = ("patch", "minor", "major")
