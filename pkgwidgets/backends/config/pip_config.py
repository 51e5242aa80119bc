"""pip's configuration: its variables and files, read as pip reads them, without running it.

The order is that of pip's source, `Configuration`: the files of the system, of the user unless
PIP_CONFIG_FILE is there, of the environment, PIP_CONFIG_FILE; a later one overrides an earlier
one, `[install]` of any overrides `[global]`, and variables override all.
"""

from __future__ import annotations

import locale
import os
from collections.abc import Iterator, Mapping
from configparser import Error, RawConfigParser
from dataclasses import replace
from pathlib import Path

from pkgwidgets.core.errors import IndexUnavailable

from .index_sources import ALL, IndexSources, with_path

_SECTIONS = ("global", "install")
_TRUE = frozenset({"y", "yes", "t", "true", "on", "1"})


def pip_sources(around: IndexSources, prefix: Path, default: str) -> IndexSources:
    """Return the sources that pip would ask, the default being uv's where pip names none.

    Raises `IndexUnavailable` for a file that pip could not read either.
    """
    said = pip_options(prefix)
    own = said.get("index-url", "").strip() or default
    indexes = tuple(map(with_path, (*said.get("extra-index-url", "").split(), own)))
    if said.get("no-index", "").strip().lower() in _TRUE:
        indexes = ()
    links = tuple(filter(_is_there, map(_absolute, said.get("find-links", "").split())))
    reached = _reached(around, said)
    strategy = ALL if len(indexes) > 1 else around.strategy
    return replace(reached, indexes=indexes, links=links, strategy=strategy)


def pip_network(around: IndexSources, prefix: Path) -> IndexSources:
    """Add how pip would reach a host."""
    return _reached(around, pip_options(prefix))


def _reached(around: IndexSources, said: Mapping[str, str]) -> IndexSources:
    """Add it to what uv says of the same; of two words for one thing pip's counts."""
    access = around.access
    proxy = said.get("proxy", "").strip()
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    proxies = dict.fromkeys(("http", "https"), proxy) if proxy else {}
    more = replace(
        access,
        insecure=(*access.insecure, *said.get("trusted-host", "").split()),
        certificates=_path(said.get("cert", "")) or access.certificates,
        client=_path(said.get("client-cert", "")) or access.client,
        proxies=proxies or access.proxies,
        keyring=access.keyring or said.get("keyring-provider", "").strip() == "subprocess",
    )
    return replace(around, access=more)


def pip_options(prefix: Path) -> Mapping[str, str]:
    """Return pip's options of an installation by name, `index-url`; empty ones are left out."""
    found: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for file in _files(prefix):
        parser = _parsed(file)
        for section in _SECTIONS:
            if parser.has_section(section):
                found[section].update({_name(k): v for k, v in parser.items(section)})
    variables = {
        _name(name.removeprefix("PIP_")): value
        for name, value in os.environ.items()
        if name.startswith("PIP_")
    }
    merged: dict[str, str] = {}
    for known in (*found.values(), variables):
        merged.update({name: value for name, value in known.items() if value})
    return merged


def _files(prefix: Path) -> Iterator[Path]:
    named = os.environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:  # so pip is told to read none
        return
    for folder in (os.environ.get("XDG_CONFIG_DIRS", "").strip() or "/etc/xdg").split(os.pathsep):
        yield Path(folder, "pip", "pip.conf")
    yield Path("/etc/pip.conf")
    if not (named and Path(named).exists()):
        home = Path("~").expanduser()
        yield home / ".pip" / "pip.conf"
        own = os.environ.get("XDG_CONFIG_HOME", "").strip()
        yield (Path(own) if own else home / ".config") / "pip" / "pip.conf"
    yield prefix / "pip.conf"
    if named:
        yield Path(named)


def _parsed(file: Path) -> RawConfigParser:
    parser = RawConfigParser()
    try:
        parser.read(file, encoding=locale.getpreferredencoding(False))
    except (Error, UnicodeDecodeError) as error:
        # Its words quote the line, which may hold a password.
        reason = f"its file {file} cannot be read ({type(error).__name__})"
        raise IndexUnavailable("pip's configuration", reason) from None
    return parser


def _name(text: str) -> str:
    return text.lower().replace("_", "-").removeprefix("--")


def _path(text: str) -> str:
    return str(Path(text.strip()).expanduser().absolute()) if text.strip() else ""


def _is_there(link: str) -> bool:
    """Tell whether there is anything at a path; pip only warns where there is not."""
    return "://" in link or link.startswith("file:") or Path(link).exists()


def _absolute(link: str) -> str:
    """Return an address as it is, and a path as it is seen from everywhere."""
    return link if "://" in link or link.startswith("file:") else _path(link)
