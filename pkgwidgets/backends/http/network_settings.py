"""How the host of an index is reached: certificates, proxies, and the credentials for it."""

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
"""Seconds for `keyring`: it may ask its user to unlock it."""

Credentials = tuple[str, str]
"""A user and a password; either may be empty, as a token stands in for both."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkSettings:
    """What our own client and uv are both given, so that what is checked is what is installed.

    `insecure` are hosts, with a port or without, whose certificates are not checked;
    `certificates` is a file of those to trust, `system` tells to trust the system's, and `client`
    is a file of one's own with its key, all PEM; `proxies` are addresses by scheme, which may
    hold credentials; `keyring` tells to ask that command for passwords.
    """

    insecure: tuple[str, ...] = ()
    certificates: str = ""
    system: bool = False
    client: str = ""
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    no_proxy: str = ""
    keyring: bool = False

    def is_insecure(self, url: str) -> bool:
        """Tell whether the user said not to check this host's certificate."""
        parts = urlsplit(url)
        known = {_host(parts.netloc), _host(parts.hostname or "")}
        if parts.port is None:
            known.add(f"{_host(parts.hostname or '')}:{443 if parts.scheme == 'https' else 80}")
        return any(_host(each) in known for each in self.insecure)

    def credentials(self, url: str) -> Credentials | None:
        """Return those of the address, else those that netrc or the keyring has for it, as uv does.

        A user without a password, whom neither knows, is a token.
        """
        parts = urlsplit(url)
        user = unquote(parts.username or "")
        if parts.password is not None:
            return user, unquote(parts.password)
        known = _netrc_credentials(parts.hostname or "")
        if known is not None and user in ("", known[0]):
            return known
        if not user:
            return None
        asked = _keyring_credentials(url, user) if self.keyring else None
        return user, asked or ""

    def secrets(self, urls: tuple[str, ...]) -> frozenset[str]:
        """Return every password and token that these addresses or the proxies hold, and netrc's.

        To be looked for in what others say: a server may send back what it was sent.
        """
        return frozenset(each for url in (*urls, *self.proxies.values()) for each in _held(url))


def _held(url: str) -> Iterator[str]:
    """Yield what is secret, as it was written and as it is meant."""
    parts = urlsplit(url if "://" in url else f"//{url}")
    known = _netrc_credentials(parts.hostname or "")
    if known is not None:
        yield known[1]
    # A name alone is a token, unless it is too short for one.
    alone = parts.username if parts.password is None and len(parts.username or "") > 7 else None
    for each in (parts.password, alone):
        if each:
            yield from (each, unquote(each))


def without_userinfo(url: str) -> str:
    """Return an address without its credentials, and otherwise as it is."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _host(text: str) -> str:
    """Return a host as hosts are compared: without scheme, credentials and the brackets of IPv6."""
    host = text.partition("://")[2] or text
    host = host.partition("/")[0].rpartition("@")[2].lower()
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _netrc_credentials(host: str) -> Credentials | None:
    """Return the entry of a host; None where there is none, or no file that can be read.

    Not by `requests.utils.get_netrc_auth`: it fails on a file that is not UTF-8, ignores `~/.netrc`
    if NETRC is empty, and importing `requests` would slow each start.
    """
    for file in _netrc_files():
        try:
            found = netrc.netrc(file).authenticators(host)
        except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
            continue
        return (found[0], found[2] or "") if found is not None else None
    return None


def _netrc_files() -> tuple[str, ...]:
    named = os.environ.get("NETRC")
    if named:
        return (named,)
    return tuple(str(Path(f"~/{name}").expanduser()) for name in (".netrc", "_netrc"))


def _keyring_credentials(url: str, user: str) -> str | None:
    """Ask `keyring` for the password of the address, then for that of its host.

    The password comes on its standard output; what is on its command line is no secret.
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
