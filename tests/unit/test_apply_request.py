"""The request that starts a worker survives a round trip; an incomplete one is refused."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import change_of, plan_of

from pkgwidgets.backends.config.index_sources import IndexSources
from pkgwidgets.backends.environment import interpreter
from pkgwidgets.backends.http.network_settings import NetworkSettings
from pkgwidgets.backends.worker.launcher import ApplyRequest

SOURCES = IndexSources(
    indexes=("https://user:word@h.invalid/extra/", "https://h.invalid/simple/"),
    links=("/wheels",),
    strategy="first-index",
    before=(("", "2026-01-01"), ("pea", "2026-02-01")),
    access=NetworkSettings(
        insecure_hosts=("h.invalid",),
        proxies={"https": "http://p.invalid"},
        no_proxy="x",
        keyring=True,
    ),
    cache="/cache",
)
ORDER = ApplyRequest(
    plan=plan_of(change_of("pea", "1.0", "2.0", hashes=("ab",), size=7), environment="finger"),
    interpreter=interpreter.describe(Path(sys.executable)),
    sources=SOURCES,
    asked_by="kernel",
)


@pytest.mark.parametrize("order", [ORDER, replace(ORDER, sources=None)], ids=["index", "none"])
def test_apply_request_survives_a_round_trip(order: ApplyRequest) -> None:
    assert ApplyRequest.from_text(order.to_text()) == order


def test_truncated_apply_request_is_refused() -> None:
    text = ORDER.to_text()
    for length in range(0, len(text), 97):
        with pytest.raises(ValueError, match=r"."):
            ApplyRequest.from_text(text[:length])


def test_apply_request_of_another_format_is_refused_with_a_hint() -> None:
    data = json.loads(ORDER.to_text())
    with pytest.raises(ValueError, match="restart the kernel"):
        ApplyRequest.from_text(json.dumps({**data, "format": 0}))


def test_apply_request_with_a_modified_plan_is_refused() -> None:
    data = json.loads(ORDER.to_text())
    data["plan"]["changes"][0]["after"] = "3.0"
    with pytest.raises(ValueError, match="not the hash"):
        ApplyRequest.from_text(json.dumps(data))
