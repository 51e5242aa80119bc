"""No request of a test goes on in the next one."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

_PATIENCE = 5.0


@pytest.fixture(autouse=True)
def _requests_end_with_their_test() -> Iterator[None]:
    """Wait for the requests of a check that was cancelled: they try again while it lasts."""
    yield
    for thread in threading.enumerate():
        if thread.name == "pkgwidgets-index":
            thread.join(_PATIENCE)
