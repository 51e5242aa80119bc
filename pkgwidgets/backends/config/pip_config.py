"""Read pip's configuration, its variables and files, as pip does, without running pip.

The order is that of pip's class `Configuration`: the files of the system, of the user, of the
environment, then PIP_CONFIG_FILE. The user's files are skipped if PIP_CONFIG_FILE exists. A later
file overrides an earlier one, `[install]` overrides `[global]`, and variables override all files.
"""

from __future__ import annotations

import locale
import os
from collections.abc import Iterator, Mapping
from configparser import Error, RawConfigParser
from dataclasses import replace
from pathlib import Path

from pkgwidgets.core.errors import IndexUnavailable

from .index_sources import ALL, IndexSources, absolute_index_url
from .uploaded_prior_to import add_cutoff

_SECTIONS = ("global", "install")
_TRUE = frozenset({"y", "yes", "t", "true", "on", "1"})


def pip_sources(base: IndexSources, prefix: Path, default: str) -> IndexSources:
    """Return `base` with the sources that pip is configured to ask; `default` is uv's index.

    Raises `IndexUnavailable` for a file that pip cannot read either.
    """
    options = pip_options(prefix)
    default_index = options.get("index-url", "").strip() or default
    indexes = tuple(
        map(absolute_index_url, (*options.get("extra-index-url", "").split(), default_index))
    )
    if options.get("no-index", "").strip().lower() in _TRUE:
        indexes = ()
    links = tuple(filter(_link_exists, map(_absolute_link, options.get("find-links", "").split())))
    reached = _add_network_options(base, options)
    strategy = ALL if len(indexes) > 1 else base.strategy
    return replace(reached, indexes=indexes, links=links, strategy=strategy)


def pip_network(base: IndexSources, prefix: Path) -> IndexSources:
    """Return `base` with pip's network settings and its cutoff."""
    return _add_network_options(base, pip_options(prefix))


def _add_network_options(base: IndexSources, options: Mapping[str, str]) -> IndexSources:
    """Add pip's network options to those of uv; pip's count where both are set."""
    access = base.access
    proxy = options.get("proxy", "").strip()
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    proxies = dict.fromkeys(("http", "https"), proxy) if proxy else {}
    network = replace(
        access,
        insecure_hosts=(*access.insecure_hosts, *options.get("trusted-host", "").split()),
        certificates=_absolute_path(options.get("cert", "")) or access.certificates,
        client_certificate=(
            _absolute_path(options.get("client-cert", "")) or access.client_certificate
        ),
        proxies=proxies or access.proxies,
        keyring=access.keyring or options.get("keyring-provider", "").strip() == "subprocess",
    )
    return add_cutoff(replace(base, access=network), options)


def pip_options(prefix: Path) -> Mapping[str, str]:
    """Return pip's options for an installation by name, such as `index-url`, without empty ones."""
    sections: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for path in _config_files(prefix):
        parser = _parse(path)
        for section in _SECTIONS:
            if parser.has_section(section):
                sections[section].update(
                    {_normalize_option(k): v for k, v in parser.items(section)}
                )
    variables = {
        _normalize_option(name.removeprefix("PIP_")): value
        for name, value in os.environ.items()
        if name.startswith("PIP_")
    }
    merged: dict[str, str] = {}
    for settings in (*sections.values(), variables):
        merged.update({name: value for name, value in settings.items() if value})
    return merged


def _config_files(prefix: Path) -> Iterator[Path]:
    configured = os.environ.get("PIP_CONFIG_FILE")
    if configured == os.devnull:  # pip then reads no file
        return
    for folder in (os.environ.get("XDG_CONFIG_DIRS", "").strip() or "/etc/xdg").split(os.pathsep):
        yield Path(folder, "pip", "pip.conf")
    yield Path("/etc/pip.conf")
    if not (configured and Path(configured).exists()):
        home = Path("~").expanduser()
        yield home / ".pip" / "pip.conf"
        config_home = os.environ.get("XDG_CONFIG_HOME", "").strip()
        yield (Path(config_home) if config_home else home / ".config") / "pip" / "pip.conf"
    yield prefix / "pip.conf"
    if configured:
        yield Path(configured)


def _parse(path: Path) -> RawConfigParser:
    parser = RawConfigParser()
    try:
        parser.read(path, encoding=locale.getpreferredencoding(False))
    except (Error, UnicodeDecodeError) as error:
        # The parser's message quotes the line, which may hold a password.
        reason = f"the file {path} cannot be read ({type(error).__name__})"
        raise IndexUnavailable("pip's configuration", reason) from None
    return parser


def _normalize_option(text: str) -> str:
    return text.lower().replace("_", "-").removeprefix("--")


def _absolute_path(text: str) -> str:
    return str(Path(text.strip()).expanduser().absolute()) if text.strip() else ""


def _link_exists(link: str) -> bool:
    """Tell whether a path exists; pip only warns if it does not."""
    return "://" in link or link.startswith("file:") or Path(link).exists()


def _absolute_link(link: str) -> str:
    """Return a URL unchanged, and a path as an absolute one."""
    return link if "://" in link or link.startswith("file:") else _absolute_path(link)
