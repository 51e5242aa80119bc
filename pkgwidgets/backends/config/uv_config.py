"""uv's configuration: which indexes it asks, told by itself, and the rest from its files.

Sources: https://docs.astral.sh/uv/reference/environment/ and …/concepts/configuration-files/.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from pkgwidgets.backends.http.network_settings import NetworkSettings
from pkgwidgets.backends.processes import process
from pkgwidgets.core.errors import IndexUnavailable
from pkgwidgets.core.redaction import redact

from . import uv_cache_dir
from .index_sources import IndexSources, with_path

_Table = Mapping[str, Any]
_NAMES_INDEXES = ("index", "index-url", "extra-index-url", "find-links", "no-index")
_VARIABLES_OF_INDEXES = (
    "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS",
)  # fmt: skip
_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})
_SAID_ANEW = re.compile(
    r"UV_(INDEX.*|DEFAULT_INDEX|EXTRA_INDEX_URL|FIND_LINKS|CONFIG_FILE|NO_CONFIG|EXCLUDE_NEWER"
    r"|INSECURE_HOST|KEYRING_PROVIDER|NATIVE_TLS|SYSTEM_CERTS|CACHE_DIR)"
)
"""Variables that uv gets from us alone: what they say is in the sources already."""


def uv_sources(uv: Path) -> IndexSources | None:
    """Return what uv is configured to ask; None if it is told of no index and no links.

    Raises `IndexUnavailable` if it cannot say, with its own words.
    """
    indexes, links = _emitted(uv, process.clean_environment())
    if not links and indexes == (default_index(uv),) and not _are_named():
        return None
    files = _files()
    flat = {str(each["url"]) for each in _tables(files) if each.get("format") == "flat"}
    names = dict(_names(files))
    return replace(
        uv_network(),
        indexes=tuple(
            with_path(_credential_variables(url, names.get(url)))
            for url in indexes
            if url not in flat
        ),
        links=(
            *(_credential_variables(url, names.get(url)) for url in indexes if url in flat),
            *(_absolute(link, files) for link in links),
        ),
    )


@lru_cache(maxsize=4)
def default_index(uv: Path) -> str:
    """Return the index that this uv asks when nobody configured any."""
    kept = process.clean_environment({"UV_NO_CONFIG": "1"}).items()
    (index,), _ = _emitted(uv, {k: v for k, v in kept if k == "UV_NO_CONFIG" or k[:3] != "UV_"})
    return index


def uv_network() -> IndexSources:
    """Return what uv is configured with beside the indexes: what is seen, and how it is reached."""
    files = _files()
    said = _setting(files)
    hosts = [each for file in files for each in file.settings.get("allow-insecure-host", ())]
    proxies = {scheme: str(said.get(f"{scheme}-proxy") or "") for scheme in ("http", "https")}
    certificates = said.get("system-certs", said.get("native-tls", False))
    system = _variable("UV_SYSTEM_CERTS", "UV_NATIVE_TLS", or_else=certificates)
    access = NetworkSettings(
        insecure=(*os.environ.get("UV_INSECURE_HOST", "").split(), *hosts),
        certificates=_variable("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR"),
        system=system.lower() in _TRUE,
        client=os.environ.get("SSL_CLIENT_CERT", ""),
        proxies={scheme: url for scheme, url in proxies.items() if url},
        no_proxy=_no_proxy(said),
        keyring=_variable("UV_KEYRING_PROVIDER", or_else=said.get("keyring-provider"))
        == "subprocess",
    )
    newest = _variable("UV_EXCLUDE_NEWER", or_else=said.get("exclude-newer"))
    return IndexSources(
        indexes=(),
        strategy=_variable("UV_INDEX_STRATEGY", or_else=said.get("index-strategy")),
        before=(*((("", newest),) if newest else ()), *_before_of_projects(said)),
        access=access,
        cache=_cache(files),
    )


def uv_options(sources: IndexSources) -> tuple[str, ...]:
    """Return what uv is told on its command line, which every user of the machine can read."""
    said = [] if sources.indexes else ["--no-index"]
    for name, when in sources.before:
        if name:
            said += ["--exclude-newer-package", f"{name}={when or 'false'}"]
    return tuple(said)


def uv_environment(sources: IndexSources | None) -> dict[str, str]:
    """Return uv's whole process environment: what it is told of the sources, without any a part.

    By variables, because addresses may hold credentials. Not by files of its own: those may
    redirect an installation, or leave files where a crash would leave the credentials too.
    """
    kept = process.clean_environment({"UV_NO_PROGRESS": "1"})
    told = {name: value for name, value in kept.items() if not _SAID_ANEW.fullmatch(name)}
    told["UV_NO_CONFIG"] = "1"
    told["UV_CACHE_DIR"] = str(uv_cache_dir.uv_cache_dir("" if sources is None else sources.cache))
    if sources is None:
        return told
    more = {
        "UV_DEFAULT_INDEX": "".join(sources.indexes[-1:]),
        "UV_INDEX": " ".join(sources.indexes[:-1]),
        "UV_FIND_LINKS": ",".join(map(_find_link, sources.links)),
        "UV_INDEX_STRATEGY": sources.strategy,
        "UV_EXCLUDE_NEWER": dict(sources.before).get("", ""),
    }
    return told | {k: v for k, v in (more | _network(sources.access, told)).items() if v}


def _network(access: NetworkSettings, kept: Mapping[str, str]) -> dict[str, str]:
    bundle = "SSL_CERT_DIR" if Path(access.certificates).is_dir() else "SSL_CERT_FILE"
    said = {
        "UV_INSECURE_HOST": " ".join(access.insecure),
        "UV_KEYRING_PROVIDER": "subprocess" if access.keyring else "",
        "UV_SYSTEM_CERTS": "1" if access.system else "",
        bundle: access.certificates,
        "SSL_CLIENT_CERT": access.client,
        "NO_PROXY": access.no_proxy,
    }
    for scheme, proxy in access.proxies.items():
        # Whichever spelling there is already would count instead.
        names = {name for name in kept if name.upper() == f"{scheme}_proxy".upper()}
        said |= dict.fromkeys({*names, f"{scheme}_proxy".upper()}, proxy)
    return said


def _find_link(link: str) -> str:
    """Return an address that needs no other separator than the comma."""
    return (link if "://" in link else Path(link).absolute().as_uri()).replace(",", "%2C")


def _before_of_projects(said: _Table) -> Iterator[tuple[str, str]]:
    for name, when in dict(said.get("exclude-newer-package") or {}).items():
        yield str(name), "" if when is False else str(when)


def _no_proxy(said: _Table) -> str:
    listed = said.get("no-proxy") or ()
    return listed if isinstance(listed, str) else ",".join(map(str, listed))


@dataclass(frozen=True, slots=True)
class _File:
    """One file's settings, and the folder that its relative paths start from."""

    folder: Path
    settings: _Table


def _emitted(uv: Path, environment: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the indexes, the default last, and the links: of an empty resolution."""
    said = ["--emit-index-url", "--emit-find-links", "--offline", "--quiet", "--no-header"]
    environment = {**environment, "UV_CACHE_DIR": str(uv_cache_dir.uv_cache_dir(_cache(_files())))}
    done = process.run([str(uv), "pip", "compile", *said, "-"], environment=environment, timeout=30)
    if done.returncode != 0:
        why = redact(done.stderr.strip() or "no answer")[:300]
        raise IndexUnavailable("uv", f"it names no index: {why}")
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        option, _, value = line.partition(" ")
        found.setdefault(option, []).append(value)
    indexes = (*found.get("--extra-index-url", ()), *found.get("--index-url", ()))
    return indexes, tuple(found.get("--find-links", ()))


def _are_named() -> bool:
    """Tell whether somebody named an index, be it the one that is the default anyway."""
    tables = [table for file in _files() for table in (file.settings, _pip(file))]
    return any(os.environ.get(name) for name in _VARIABLES_OF_INDEXES) or any(
        name in table for table in tables for name in _NAMES_INDEXES
    )


def _files() -> tuple[_File, ...]:
    """Return the files that uv reads, the one that counts most first.

    The project's (the nearest above the working folder), the user's, the system's; or the one
    that a variable names; a file that uv cannot read, uv itself complains of.
    """
    named = os.environ.get("UV_CONFIG_FILE")
    if named:
        return tuple(filter(None, [_read(Path(named))]))
    if os.environ.get("UV_NO_CONFIG", "").lower() in _TRUE:
        return ()
    found = []
    with suppress(FileNotFoundError):  # the working folder was deleted
        here = Path.cwd()
        found += [next(filter(None, map(_project, (here, *here.parents))), None)]
    own = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    found += [_read(Path(own).expanduser() / "uv" / "uv.toml")]
    shared = (os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)
    system = (*(Path(folder, "uv", "uv.toml") for folder in shared), Path("/etc/uv/uv.toml"))
    found += [next(filter(None, map(_read, system)), None)]
    return tuple(filter(None, found))


def _project(folder: Path) -> _File | None:
    return _read(folder / "uv.toml") or _read(folder / "pyproject.toml", "tool", "uv")


def _read(file: Path, *inside: str) -> _File | None:
    try:
        table: Any = tomllib.loads(file.read_text("utf-8"))
        for name in inside:
            table = table[name]
        return _File(file.parent.absolute(), dict(table))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _pip(file: _File) -> _Table:
    own = file.settings.get("pip")
    return own if isinstance(own, dict) else {}


def _setting(files: Sequence[_File]) -> _Table:
    """Merge them as uv does for its `pip` commands: any `[pip]` table counts more."""
    merged: dict[str, Any] = {}
    for table in (*(file.settings for file in files[::-1]), *(_pip(file) for file in files[::-1])):
        merged |= table
    return merged


def _tables(files: Sequence[_File]) -> Iterator[_Table]:
    for file in files:
        for each in file.settings.get("index") or ():
            if isinstance(each, dict) and "url" in each:
                yield each


def _names(files: Sequence[_File]) -> Iterator[tuple[str, str]]:
    """Yield the addresses of named indexes with their names."""
    for each in _tables(files):
        if each.get("name"):
            yield str(each["url"]), str(each["name"])
    for variable in ("UV_INDEX", "UV_DEFAULT_INDEX"):
        for given in os.environ.get(variable, "").split():
            if match := re.fullmatch(r"([\w.-]+)=(.+)", given):
                yield match[2], match[1]


def _credential_variables(url: str, name: str | None) -> str:
    """Add the credentials that variables hold for a named index: they count more than its own."""
    if not name:
        return url
    stem = f"UV_INDEX_{re.sub(r'[^A-Z0-9]', '_', name.upper())}"
    user, password = (os.environ.get(f"{stem}_{each}") for each in ("USERNAME", "PASSWORD"))
    if user is None and password is None:
        return url
    parts = urlsplit(url)
    secret = "" if password is None else f":{quote(password, safe='')}"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user or '', safe='')}{secret}@{host}"))


def _absolute(link: str, files: Sequence[_File]) -> str:
    """Return a path as it is seen from everywhere: uv takes it from the folder of its file."""
    if "://" in link or link.startswith("file:"):
        return link
    for file in files:
        named = [*(file.settings.get("find-links") or ()), *(_pip(file).get("find-links") or ())]
        if link in named:
            return str(file.folder / link)
    return str(Path(link).absolute())


def _variable(*names: str, or_else: object = None) -> str:
    said = next((os.environ[name] for name in names if os.environ.get(name)), None)
    return str(or_else or "") if said is None else said


def _cache(files: Sequence[_File]) -> str:
    for file in files:
        if "cache-dir" in file.settings:
            return str(file.folder / str(file.settings["cache-dir"]))
    return ""
