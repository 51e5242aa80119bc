"""The well-known labels of a project's links.

Source: PEP 753, https://packaging.python.org/en/latest/specifications/well-known-project-urls/.
"""

from __future__ import annotations

import string
from collections.abc import Sequence

_CHANGE_LOG = frozenset({"changelog", "changes", "releasenotes", "whatsnew", "history"})
"""The normalized labels of a change log."""
_IGNORED = str.maketrans("", "", string.punctuation + string.whitespace)


def normalize_label(label: str) -> str:
    """Return a label without punctuation and spaces, in lower case.

    >>> normalize_label("What's New?")
    'whatsnew'
    """
    return label.translate(_IGNORED).lower()


def find_change_log(links: Sequence[tuple[str, str]]) -> str:
    """Return the address of the change log among labels and addresses; "" if there is none."""
    return next((url for label, url in links if normalize_label(label) in _CHANGE_LOG), "")
