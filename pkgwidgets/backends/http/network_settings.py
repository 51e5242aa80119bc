"""How to reach the host of an index: settings only, which `client.py` applies."""

from __future__ import annotations

import netrc
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from pkgwidgets.backends.processes import process

_KEYRING_SECONDS = 60.0
"""The limit for `keyring`, which may ask the user to unlock it."""

Credentials = tuple[str, str]
"""A user and a password; either may be empty, since a token can be in either place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkSettings:
    """Network settings of our own client and of uv: both must reach the same files.

    `insecure_hosts` are hosts, with or without a port, whose certificates are not checked.
    `certificates` is a PEM file of trusted certificates; `use_system_store` trusts those of the
    system. `client_certificate` is a PEM file of the client certificate with its key. `proxies`
    maps schemes to URLs, which may hold credentials. `keyring` asks the `keyring` command for
    passwords.
    """

    insecure_hosts: tuple[str, ...] = ()
    certificates: str = ""
    use_system_store: bool = False
    client_certificate: str = ""
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    no_proxy: str = ""
    keyring: bool = False

    def is_insecure(self, url: str) -> bool:
        """Tell whether the user allowed this URL's host without a valid certificate."""
        parts = urlsplit(url)
        spellings = {_normalize_host(parts.netloc), _normalize_host(parts.hostname or "")}
        if parts.port is None:
            default_port = 443 if parts.scheme == "https" else 80
            spellings.add(f"{_normalize_host(parts.hostname or '')}:{default_port}")
        return any(_normalize_host(host) in spellings for host in self.insecure_hosts)

    def credentials(self, url: str) -> Credentials | None:
        """Return the credentials in the URL, else those of netrc or the keyring, as uv does.

        A user name without a password, which neither of them knows, is a token. Return None
        if there are no credentials.
        """
        parts = urlsplit(url)
        user = unquote(parts.username or "")
        if parts.password is not None:
            return user, unquote(parts.password)
        netrc_credentials = _netrc_credentials(parts.hostname or "")
        if netrc_credentials is not None and user in ("", netrc_credentials[0]):
            return netrc_credentials
        if not user:
            return None
        password = _keyring_credentials(url, user) if self.keyring else None
        return user, password or ""

    def secrets(self, urls: tuple[str, ...]) -> frozenset[str]:
        """Return every password and token of these URLs, of the proxies, and of netrc for them.

        They are redacted in the messages of others: a server may send back what it received.
        """
        return frozenset(
            secret for url in (*urls, *self.proxies.values()) for secret in _find_secrets(url)
        )


def _find_secrets(url: str) -> Iterator[str]:
    """Yield the secrets of a URL, quoted as written and unquoted."""
    parts = urlsplit(url if "://" in url else f"//{url}")
    netrc_credentials = _netrc_credentials(parts.hostname or "")
    if netrc_credentials is not None:
        yield netrc_credentials[1]
    # A user name without a password is a token, unless it is too short for one.
    token = parts.username if parts.password is None and len(parts.username or "") > 7 else None
    for secret in (parts.password, token):
        if secret:
            yield from (secret, unquote(secret))


def without_userinfo(url: str) -> str:
    """Return a URL without its credentials, and otherwise unchanged."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _normalize_host(text: str) -> str:
    """Return a host in lower case, without scheme, credentials and the brackets of IPv6."""
    host = text.partition("://")[2] or text
    host = host.partition("/")[0].rpartition("@")[2].lower()
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _netrc_credentials(host: str) -> Credentials | None:
    """Return a host's netrc entry; None if there is no entry or no readable file.

    `requests.utils.get_netrc_auth` fails on a file that is not UTF-8, and ignores `~/.netrc` if
    NETRC is empty. Importing `requests` would also slow each start.
    """
    for path in _netrc_files():
        try:
            entry = netrc.netrc(path).authenticators(host)
        except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
            continue
        return (entry[0], entry[2] or "") if entry is not None else None
    return None


def _netrc_files() -> tuple[str, ...]:
    configured = os.environ.get("NETRC")
    if configured:
        return (configured,)
    return tuple(str(Path(f"~/{name}").expanduser()) for name in (".netrc", "_netrc"))


def _keyring_credentials(url: str, user: str) -> str | None:
    """Ask `keyring` for the password of a URL, then for that of its host.

    It prints the password; its command line holds no secret. Return None if it has no password.
    """
    command = shutil.which("keyring")
    if command is None:
        return None
    address = without_userinfo(url)
    for service in (address.rstrip("/"), urlsplit(address).netloc):
        done = process.run([command, "get", service, user], timeout=_KEYRING_SECONDS)
        password = done.stdout.rstrip("\r\n")
        if done.returncode == 0 and password:
            return password
    return None
