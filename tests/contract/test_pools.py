"""Pools for an older `requests`, whose adapter chooses a pool without certificates."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import requests

from pkgwidgets.backends.http.pools import get_pool
from pkgwidgets.backends.http.response import RequestFailed

PREPARED = requests.Request("GET", "https://index.example/simple/").prepare()


class OlderAdapter:
    """The two methods that `requests` has had before 2.32."""

    def __init__(self, problem: OSError | None = None) -> None:
        self._problem = problem

    def get_connection(self, url: str, proxies: dict[str, str]) -> Any:
        return SimpleNamespace(url=url, proxies=proxies)

    def cert_verify(self, pool: Any, url: str, verify: bool | str, cert: Any) -> None:
        if self._problem is not None:
            raise self._problem
        pool.certificates = (url, verify, cert)


def get(adapter: Any) -> Any:
    return get_pool(adapter, PREPARED, {"https": "http://proxy.example"}, "bundle.pem", "mine.pem")


def test_pool_of_an_older_adapter_has_proxies_and_certificates() -> None:
    pool = get(OlderAdapter())
    assert pool.url == "https://index.example/simple/"
    assert pool.proxies == {"https": "http://proxy.example"}
    assert pool.certificates == (pool.url, "bundle.pem", "mine.pem")


def test_missing_certificates_of_an_older_adapter_are_named() -> None:
    with pytest.raises(RequestFailed, match=r"certificates cannot be read .*bundle"):
        get(OlderAdapter(OSError("no such file: bundle.pem")))
