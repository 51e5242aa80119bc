"""urllib3 pools with the certificates of one server, over what `requests` has in each version."""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPSConnection
from urllib3.util.ssl_ import create_urllib3_context

from .network_settings import NetworkSettings
from .response import RequestFailed


def get_pool(
    adapter: HTTPAdapter,
    prepared: requests.PreparedRequest,
    proxies: dict[str, str],
    verify: bool | str,
    cert: Any,
) -> Any:
    """Return the urllib3 pool of a URL, with its proxies and certificates.

    Raises `RequestFailed` if the certificates are missing and `requests` is older than 2.32. With
    a newer one, `share_ssl_context` does.
    """
    if hasattr(adapter, "get_connection_with_tls_context"):
        return adapter.get_connection_with_tls_context(prepared, verify, proxies=proxies, cert=cert)
    # Before requests 2.32, the pool is chosen without certificates, which are set on it afterwards.
    url = prepared.url or ""
    pool: Any = adapter.get_connection(url, proxies)
    try:
        adapter.cert_verify(pool, url, verify, cert)  # type: ignore[no-untyped-call]
    except OSError as error:
        raise _unreadable(error) from None
    return pool


def _unreadable(error: OSError) -> RequestFailed:
    return RequestFailed(f"the trusted certificates cannot be read ({error})")


class _UnverifiedHTTPSConnection(HTTPSConnection):
    """A connection to an insecure host that the user allowed, without a warning per request."""

    @property
    def is_verified(self) -> bool:
        return True

    @is_verified.setter
    def is_verified(self, value: bool) -> None:
        pass


def share_ssl_context(pool: Any, access: NetworkSettings, *, verify: bool | str) -> None:
    """Give all connections of a pool one TLS context.

    Otherwise each connection reads the whole certificate bundle, which takes 0.1 s.
    """
    if getattr(pool, "scheme", "") != "https" or "ssl_context" in pool.conn_kw:
        return
    if verify is False:
        pool.ConnectionCls = _UnverifiedHTTPSConnection
        return
    context = create_urllib3_context()
    if access.use_system_store and not access.certificates:
        context.load_default_certs()
    else:
        certificate_file, certificate_folder = pool.ca_certs, pool.ca_cert_dir
        try:
            context.load_verify_locations(
                certificate_file or (None if certificate_folder else DEFAULT_CA_BUNDLE_PATH),
                certificate_folder,
            )
        except OSError as error:
            raise _unreadable(error) from None
    pool.conn_kw["ssl_context"] = context
    pool.ca_certs = pool.ca_cert_dir = None
