"""The command line called from Python: which handler receives an interrupt."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from pkgwidgets.__main__ import main

Handler = Callable[..., None] | signal.Handlers


REFUSED = ["install", "--index-url=x"]
"""Arguments that are refused before anything starts."""


@contextmanager
def handled(handler: Handler) -> Iterator[None]:
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("handler", [signal.default_int_handler, signal.SIG_DFL, signal.SIG_IGN])
def test_main_restores_the_sigint_handler(
    capsys: pytest.CaptureFixture[str], handler: Handler
) -> None:
    with handled(handler):
        assert main(REFUSED) == 2
        assert signal.getsignal(signal.SIGINT) is handler
    assert "Nothing was changed." in capsys.readouterr().err


def test_main_restores_the_sigint_handler_after_an_exception(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def breaks(*arguments: object, **options: object) -> int:
        raise LookupError

    monkeypatch.setattr("pkgwidgets.cli.main.main", breaks)
    with handled(signal.default_int_handler):
        with pytest.raises(LookupError):
            main(REFUSED)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_main_can_be_called_in_any_thread() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(main, REFUSED).result() == 2
