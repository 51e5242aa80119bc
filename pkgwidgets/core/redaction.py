"""Remove credentials from text.

Standard library only: errors and recovery use it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, urlsplit, urlunsplit

if TYPE_CHECKING:
    pass

_HIDDEN = "****"
_SHORTEST_SECRET = 4
"""Characters of a known secret that is looked for: a shorter one is in every other word."""
_NAMES = "token|key|secret|password|passwd|pwd|signature|credential|auth"
_SECRETS = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        # The part before the last @ of an authority (RFC 3986 §3.2.1), in JSON also after `\\/\\/`;
        # and one with a / in the password, which no number of a port is.
        (
            r"(?:(?<=//)|(?<=\\/\\/))"
            r"(?:[^\s/?#\"<>\\]*@|[^\s/?#:@\"<>]+:(?!\d+(?:[/?#\s]|$))[^\s@\"<>]{0,200}@)",
            "",
        ),
        # The same in an address that is a parameter of another one.
        (r"(?i)(?<=%2f%2f)(?:(?!%2f)[^\s&/\"<>])*%40", ""),
        # Parameters (RFC 3986 §3.4) whose names say what they are.
        (
            rf"(?i)((?:[?&;#]|%3f|%26)(?:[\w.-]{{0,40}}(?:{_NAMES})[\w.-]{{0,40}}|sig|pw|pass)"
            r"(?:=|%3d))(?:(?!%26)[^\s&#;\"'<>])+",
            rf"\g<1>{_HIDDEN}",
        ),
        # Header fields (RFC 9110 §11.6.2, §11.7.2), as clients and servers quote them.
        (
            r"(?i)(\b(?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?(?:(?:basic|bearer|digest)\s+)?)"
            r"[^\s\"',]+",
            rf"\g<1>{_HIDDEN}",
        ),
        # Variables of a process, and the entries of a netrc file.
        (r"(\b(?:\w{0,60}_)?(?:TOKEN|PASSWORD|PASSWD|SECRET|KEY)=)\S+", rf"\g<1>{_HIDDEN}"),
        (r"(\blogin\s+\S+\s+password\s+)\S+", rf"\g<1>{_HIDDEN}"),
    )
)


def redact(text: str, secrets: Collection[str] = ()) -> str:
    """Return text without the credentials in it, whatever it came from; the same again as before.

    Found by their place: in addresses, in parameters, headers, variables and netrc entries that
    are named after them. `secrets` that are known are found everywhere, as they are and as an
    address spells them. Redact before cutting a text: half an address does not show what it is.
    """
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            for shape in {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}:
                text = text.replace(shape, _HIDDEN)
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def without_credentials(url: str) -> str:
    """Return an address without the credentials it may hold; ValueError if it is no address."""
    if "://" not in url:  # it may lack no more than that
        host, slash, rest = url.partition("/")
        return redact(f"{host.rpartition('@')[2]}{slash}{rest}")
    parts = urlsplit(url)
    return redact(urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])))
