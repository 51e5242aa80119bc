"""Run uv as the owner of an environment, when root changes it.

All files belong to the owner at every moment, also if uv is killed. uv gets a private cache.
The owner cannot read root's cache, and must not be given files of it. Root's credentials are left
out, because the owner can read the variables of such a process.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pkgwidgets.backends.config.index_sources import IndexSources
from pkgwidgets.backends.http.network_settings import NetworkSettings
from pkgwidgets.backends.processes import temp_dirs
from pkgwidgets.backends.processes.account import Account
from pkgwidgets.core.redaction import without_credentials

_CACHE_FOLDER = ".uv-cache"


def private_cache(stage: Path) -> Path:
    """Return the cache of one transaction, in its stage."""
    return stage / _CACHE_FOLDER


def without_secrets(sources: IndexSources) -> IndexSources:
    """Return sources for uv without a network: uv finds files in its cache by these addresses."""
    return replace(
        sources,
        indexes=tuple(map(without_credentials, sources.indexes)),
        links=tuple(map(without_credentials, sources.links)),
        access=NetworkSettings(),
    )


@contextmanager
def runnable_by(account: Account, program: Path) -> Iterator[Path]:
    """Yield a program that the account can run: itself, or a temporary copy."""
    if account.may_run(program):
        yield program
        return
    with temp_dirs.temporary_folder("pkgwidgets-program-") as folder:
        shutil.copy2(program, folder)
        account.give(folder)
        yield folder / program.name
