"""Read uv's configuration: uv itself prints its indexes, its files give the rest.

Sources: https://docs.astral.sh/uv/reference/environment/ and …/concepts/configuration-files/.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from pkgwidgets.backends.http.network_settings import NetworkSettings
from pkgwidgets.backends.processes import process
from pkgwidgets.core.errors import EnvironmentRefused, IndexUnavailable
from pkgwidgets.core.redaction import redact

from . import uv_cache_dir
from .index_sources import IndexSources, absolute_index_url
from .uv_files import (
    TRUE,
    ConfigFile,
    Table,
    config_files,
    merge_settings,
    pip_table,
    working_folder,
)

_INDEX_SETTINGS = ("index", "index-url", "extra-index-url", "find-links", "no-index")
_INDEX_VARIABLES = (
    "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS",
)  # fmt: skip
_REPLACED_VARIABLES = re.compile(
    r"UV_(INDEX.*|DEFAULT_INDEX|EXTRA_INDEX_URL|FIND_LINKS|CONFIG_FILE|NO_CONFIG|EXCLUDE_NEWER"
    r"|INSECURE_HOST|KEYRING_PROVIDER|NATIVE_TLS|SYSTEM_CERTS|CACHE_DIR|PROJECT|WORKING_DIR)"
)
"""Variables that are not inherited: `IndexSources` holds their values, and sets them again."""


def uv_sources(uv: Path, folder: Path | None = None) -> IndexSources | None:
    """Return uv's configured sources; None if no index and no links are configured.

    Raises `IndexUnavailable` with uv's message if uv fails.
    """
    indexes, links = _ask_uv(uv, process.clean_environment(), folder)
    if not links and not has_configured_indexes(folder) and indexes == (default_index(uv),):
        return None
    files = config_files(folder)
    flat = {str(table["url"]) for table in _index_tables(files) if table.get("format") == "flat"}
    names = dict(_index_names(files))
    return replace(
        uv_network(folder),
        indexes=tuple(
            absolute_index_url(_add_credentials(url, names.get(url)))
            for url in indexes
            if url not in flat
        ),
        links=(
            *(_add_credentials(url, names.get(url)) for url in indexes if url in flat),
            *(_absolute_link(link, files, working_folder(folder)) for link in links),
        ),
    )


@lru_cache(maxsize=4)
def default_index(uv: Path) -> str:
    """Return the index that this uv asks if none is configured."""
    variables = process.clean_environment({"UV_NO_CONFIG": "1"}).items()
    (index,), _ = _ask_uv(uv, {k: v for k, v in variables if k == "UV_NO_CONFIG" or k[:3] != "UV_"})
    return index


def uv_network(folder: Path | None = None) -> IndexSources:
    """Return uv's configuration without indexes: strategy, cutoffs, network and cache folder."""
    files = config_files(folder)
    settings = merge_settings(files)
    hosts = [host for file in files for host in file.settings.get("allow-insecure-host", ())]
    proxies = {scheme: str(settings.get(f"{scheme}-proxy") or "") for scheme in ("http", "https")}
    system_certs_setting = settings.get("system-certs", settings.get("native-tls", False))
    system_certs = _first_variable("UV_SYSTEM_CERTS", "UV_NATIVE_TLS", default=system_certs_setting)
    access = NetworkSettings(
        insecure_hosts=(*os.environ.get("UV_INSECURE_HOST", "").split(), *hosts),
        certificates=_first_variable("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR"),
        use_system_store=system_certs.lower() in TRUE,
        client_certificate=os.environ.get("SSL_CLIENT_CERT", ""),
        proxies={scheme: url for scheme, url in proxies.items() if url},
        no_proxy=_no_proxy_hosts(settings),
        keyring=_first_variable("UV_KEYRING_PROVIDER", default=settings.get("keyring-provider"))
        == "subprocess",
    )
    cutoff = _first_variable("UV_EXCLUDE_NEWER", default=settings.get("exclude-newer"))
    return IndexSources(
        indexes=(),
        strategy=_first_variable("UV_INDEX_STRATEGY", default=settings.get("index-strategy")),
        before=(*((("", cutoff),) if cutoff else ()), *_project_cutoffs(settings)),
        access=access,
        cache=_configured_cache(files),
    )


def uv_options(sources: IndexSources) -> tuple[str, ...]:
    """Return uv's options, without secrets: every user of the machine can read a command line."""
    options = [] if sources.indexes else ["--no-index"]
    for name, cutoff in sources.before:
        if name:
            options += ["--exclude-newer-package", f"{name}={cutoff or 'false'}"]
    return tuple(options)


def uv_environment(sources: IndexSources | None) -> dict[str, str]:
    """Return uv's whole process environment; without `sources` it names no index.

    Variables are used because URLs may hold credentials. uv's configuration files are ignored,
    because they may redirect an installation. A temporary file could stay behind after a crash,
    with the credentials in it.
    """
    inherited = process.clean_environment({"UV_NO_PROGRESS": "1"})
    variables = {
        name: value for name, value in inherited.items() if not _REPLACED_VARIABLES.fullmatch(name)
    }
    variables["UV_NO_CONFIG"] = "1"
    cache_dir = uv_cache_dir.uv_cache_dir("" if sources is None else sources.cache)
    variables["UV_CACHE_DIR"] = str(cache_dir)
    if sources is None:
        return variables
    source_variables = {
        "UV_DEFAULT_INDEX": "".join(sources.indexes[-1:]),
        "UV_INDEX": " ".join(sources.indexes[:-1]),
        "UV_FIND_LINKS": ",".join(map(_find_link_url, sources.links)),
        "UV_INDEX_STRATEGY": sources.strategy,
        "UV_EXCLUDE_NEWER": dict(sources.before).get("", ""),
    }
    source_variables |= _network_variables(sources.access, variables)
    return variables | {name: value for name, value in source_variables.items() if value}


def _network_variables(access: NetworkSettings, inherited: Mapping[str, str]) -> dict[str, str]:
    bundle = "SSL_CERT_DIR" if Path(access.certificates).is_dir() else "SSL_CERT_FILE"
    variables = {
        "UV_INSECURE_HOST": " ".join(access.insecure_hosts),
        "UV_KEYRING_PROVIDER": "subprocess" if access.keyring else "",
        "UV_SYSTEM_CERTS": "1" if access.use_system_store else "",
        bundle: access.certificates,
        "SSL_CLIENT_CERT": access.client_certificate,
        "NO_PROXY": access.no_proxy,
    }
    for scheme, proxy in access.proxies.items():
        # An inherited spelling would override ours.
        names = {name for name in inherited if name.upper() == f"{scheme}_proxy".upper()}
        variables |= dict.fromkeys({*names, f"{scheme}_proxy".upper()}, proxy)
    return variables


def _find_link_url(link: str) -> str:
    """Return a link as a URL without commas, because uv separates links by commas."""
    return (link if "://" in link else Path(link).absolute().as_uri()).replace(",", "%2C")


def _project_cutoffs(settings: Table) -> Iterator[tuple[str, str]]:
    for name, cutoff in dict(settings.get("exclude-newer-package") or {}).items():
        yield str(name), "" if cutoff is False else str(cutoff)


def _no_proxy_hosts(settings: Table) -> str:
    hosts = settings.get("no-proxy") or ()
    return hosts if isinstance(hosts, str) else ",".join(map(str, hosts))


def _ask_uv(
    uv: Path, environment: Mapping[str, str], folder: Path | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return uv's indexes, the default last, and its links, from an empty resolution."""
    options = ["--emit-index-url", "--emit-find-links", "--offline", "--quiet", "--no-header"]
    with suppress(EnvironmentRefused):
        # Without it uv runs the Pythons of the path, which takes ten times as long.
        options += ["--python", str(process.this_python())]
    cache_dir = uv_cache_dir.uv_cache_dir(_configured_cache(config_files(folder)))
    environment = {**environment, "UV_CACHE_DIR": str(cache_dir)}
    completed = process.run(
        [str(uv), "pip", "compile", *options, "-"],
        environment=environment,
        timeout=30,
        cwd=folder,
    )
    if completed.returncode != 0:
        reason = redact(completed.stderr.strip() or "it printed no error message")[:300]
        raise IndexUnavailable("uv", f"it reported no index: {reason}")
    values: dict[str, list[str]] = {}
    for line in completed.stdout.splitlines():
        option, _, value = line.partition(" ")
        values.setdefault(option, []).append(value)
    indexes = (*values.get("--extra-index-url", ()), *values.get("--index-url", ()))
    return indexes, tuple(values.get("--find-links", ()))


def has_configured_indexes(folder: Path | None = None) -> bool:
    """Tell whether an index is configured, even if it is the default one."""
    tables = [table for file in config_files(folder) for table in (file.settings, pip_table(file))]
    return any(os.environ.get(name) for name in _INDEX_VARIABLES) or any(
        name in table for table in tables for name in _INDEX_SETTINGS
    )


def _index_tables(files: Sequence[ConfigFile]) -> Iterator[Table]:
    for file in files:
        for table in file.settings.get("index") or ():
            if isinstance(table, dict) and "url" in table:
                yield table


def _index_names(files: Sequence[ConfigFile]) -> Iterator[tuple[str, str]]:
    """Yield the URLs of named indexes with their names."""
    for table in _index_tables(files):
        if table.get("name"):
            yield str(table["url"]), str(table["name"])
    for variable in ("UV_INDEX", "UV_DEFAULT_INDEX"):
        for entry in os.environ.get(variable, "").split():
            if match := re.fullmatch(r"([\w.-]+)=(.+)", entry):
                yield match[2], match[1]


def _add_credentials(url: str, name: str | None) -> str:
    """Add the credentials in variables of a named index; they override those in its URL."""
    if not name:
        return url
    stem = f"UV_INDEX_{re.sub(r'[^A-Z0-9]', '_', name.upper())}"
    user, password = (os.environ.get(f"{stem}_{field}") for field in ("USERNAME", "PASSWORD"))
    if user is None and password is None:
        return url
    parts = urlsplit(url)
    secret = "" if password is None else f":{quote(password, safe='')}"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user or '', safe='')}{secret}@{host}"))


def _absolute_link(link: str, files: Sequence[ConfigFile], folder: Path) -> str:
    """Return an absolute path; a relative one starts from the folder of its file, as in uv."""
    if "://" in link or link.startswith("file:"):
        return link
    for file in files:
        links = [
            *(file.settings.get("find-links") or ()),
            *(pip_table(file).get("find-links") or ()),
        ]
        if link in links:
            return str(file.folder / link)
    return str(folder / link)


def _first_variable(*names: str, default: object = None) -> str:
    value = next((os.environ[name] for name in names if os.environ.get(name)), None)
    return str(default or "") if value is None else value


def _configured_cache(files: Sequence[ConfigFile]) -> str:
    for file in files:
        if "cache-dir" in file.settings:
            return str(file.folder / str(file.settings["cache-dir"]))
    return ""
