"""Rules for changes of behaviour that no signature shows, for single projects, each with source."""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.version import Version

from pkgwidgets.core.plans import Change

from .api_changes import Finding, Severity
from .name_usage import Use

_COPY_ON_WRITE = Version("3.0.0.dev0")
# Calls that return a frame, and methods of a frame that return one. Other results are unknown.
_FRAME_EXPRESSION = re.compile(
    r"pandas\.(DataFrame|concat|merge|read_(?!html|excel|hdf)\w+)\(\)"
    r"(\.(assign|astype|convert_dtypes|copy|drop|drop_duplicates|dropna|fillna|head|infer_objects"
    r"|join|merge|query|reindex|rename|replace|reset_index|round|sample|set_index|sort_index"
    r"|sort_values|tail)\(\))*"
)


def project_findings(use: Use, change: Change) -> Iterator[Finding]:
    """Yield the findings of these rules for one use of a package that changes.

    Copy-on-write: https://pandas.pydata.org/docs/user_guide/copy_on_write.html#chained-assignment
    """
    before, after = change.before, change.after
    if not use.chained or change.id != "pandas" or before is None or after is None:
        return
    if before < _COPY_ON_WRITE <= after and _FRAME_EXPRESSION.fullmatch(use.name):
        text = f"chained assignment changes nothing in pandas {after} (copy-on-write)"
        yield Finding(severity=Severity.CHANGES, text=text)
