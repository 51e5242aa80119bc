"""The age from which a file's time shows each later change.

The clock of a file system has steps: a second change within one leaves the same time.
"""

from __future__ import annotations

SETTLED_NS = 2_000_000_000
"""For any file system: the longest known step is two seconds (FAT)."""
SETTLED_LOCAL_NS = 50_000_000
"""For a local file system, where the step is one of the kernel's clock: 10 ms at most."""
