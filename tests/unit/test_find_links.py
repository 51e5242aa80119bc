"""The links of a distribution are the web pages that its metadata names."""

from __future__ import annotations

import io
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from malformed_wheels import MalformedWheel

from pkgwidgets.backends.environment import interpreter
from pkgwidgets.backends.environment.dist_info import DistInfoReader
from pkgwidgets.core.environment import Distribution

HEAD = "Metadata-Version: 2.1\nName: pea\nVersion: 1.0\n"


def links(folder: Path, lines: str) -> tuple[tuple[str, str], ...]:
    """Unpack a wheel whose metadata has these lines, and read it."""
    wheel = MalformedWheel(name="pea", version="1.0", metadata=f"{HEAD}{lines}\n")
    zipfile.ZipFile(io.BytesIO(wheel.data)).extractall(folder)
    facts = replace(interpreter.describe(Path(sys.executable)), search=(folder,))
    (distribution,) = DistInfoReader(facts).read().values()
    assert isinstance(distribution, Distribution)
    return distribution.links


def test_labels_and_urls_of_project_links_are_read(tmp_path: Path) -> None:
    lines = "Home-page: http://pea.invalid\nProject-URL: Docs, a, b, https://pea.invalid/docs"
    assert links(tmp_path, lines) == (
        ("Docs, a, b", "https://pea.invalid/docs"),
        ("Home", "http://pea.invalid"),
    )


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc",
        "ftp://x",
        "//x",
        "/x",
        "",
        "UNKNOWN",
    ],
)
def test_link_without_http_url_is_omitted(tmp_path: Path, address: str) -> None:
    lines = f"Home-page: {address}\nProject-URL: Js, {address}\nProject-URL: {address}"
    assert links(tmp_path, lines) == ()


def test_at_most_twenty_links_are_listed(tmp_path: Path) -> None:
    lines = "".join(f"Project-URL: {n}, https://pea.invalid/{n}\n" for n in range(1000))
    assert len(links(tmp_path, lines)) == 20


def test_link_labels_are_truncated_and_escaped(tmp_path: Path) -> None:
    ((label, _),) = links(tmp_path, f"Project-URL: \u202eab{'c' * 99}, HTTPS://pea.invalid")
    assert label.startswith("\\u202eab")
    assert len(label) < 60
