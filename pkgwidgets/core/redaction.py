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
_MIN_SECRET_CHARACTERS = 4
"""Characters of the shortest known secret that is replaced: shorter ones occur in many words."""
_NAMES = "token|key|secret|password|passwd|pwd|signature|credential|auth"
_SECRETS = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        # The part before the last @ of an authority (RFC 3986 §3.2.1), in JSON also after `\\/\\/`.
        # The password may have a /, unless the part before that is a port number.
        (
            r"(?:(?<=//)|(?<=\\/\\/))"
            r"(?:[^\s/?#\"<>\\]*@|[^\s/?#:@\"<>]+:(?!\d+(?:[/?#\s]|$))[^\s@\"<>]{0,200}@)",
            "",
        ),
        # The same in a URL that is a parameter of another URL.
        (r"(?i)(?<=%2f%2f)(?:(?!%2f)[^\s&/\"<>])*%40", ""),
        # Parameters (RFC 3986 §3.4) with the name of a secret.
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
    """Return text without credentials; applied twice, it gives the same result.

    Credentials are found by their place: in URLs, and in parameters, headers, variables and netrc
    entries with the name of a secret. Known `secrets` are replaced everywhere, plain and as quoted
    in a URL. Redact before truncating a text: half a URL is not recognised.
    """
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= _MIN_SECRET_CHARACTERS:
            for shape in {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}:
                text = text.replace(shape, _HIDDEN)
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def without_credentials(url: str) -> str:
    """Return a URL without credentials; raise ValueError if it cannot be parsed."""
    if "://" not in url:  # perhaps only the scheme is missing
        host, slash, rest = url.partition("/")
        return redact(f"{host.rpartition('@')[2]}{slash}{rest}")
    parts = urlsplit(url)
    return redact(urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])))
