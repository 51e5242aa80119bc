"""What uv reads in the requirements of an installed distribution is what we read."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import uv
from packaging.requirements import Requirement

from pkgwidgets.core.requirement_text import read_requirement, read_specifiers

READ_BY_UV = re.compile(r"The package `reader` requires `(?P<requirement>[^`]+)`")
REFUSED = "unable to read `METADATA`"


@pytest.fixture(scope="module")
def dist_info(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prefix = tmp_path_factory.mktemp("reader") / "env"
    command = [uv.find_uv_bin(), "venv", "-q", "--no-config", "--python", sys.executable]
    subprocess.run([*command, str(prefix)], check=True)
    folder = next(prefix.glob("lib/python*/site-packages")) / "reader-1.0.dist-info"
    folder.mkdir()
    (folder / "RECORD").touch()
    (folder / "WHEEL").write_text("Wheel-Version: 1.0\nTag: py3-none-any\n", "utf-8")
    return folder


def check_with_uv(dist_info: Path, field: str) -> str:
    metadata = f"Metadata-Version: 2.1\nName: reader\nVersion: 1.0\n{field}\n"
    (dist_info / "METADATA").write_text(metadata, "utf-8")
    prefix = dist_info.parents[3]
    command = [uv.find_uv_bin(), "pip", "check", "--no-config", "--python", str(prefix)]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    return completed.stdout + completed.stderr


@pytest.mark.parametrize(
    "text",
    [
        "oats>=1.2", "oats (>=1.2.*, !=1.4*)", "oats>=2.1.3<3", "oats !=~2.4", "'oats' \"<=4\"",
        "oats<5',", "oats>dev", "oats>=2.0rc1.0", "oats >= 1.* , <2", "oats2>=1.1.*",
        "oats2 >=1.1.*", "oats (2.1)", "oats >=2019k", "oats>=1 <3", "oats,>=1", "oats>=1,,<2",
        "oats (*)", "oats ==*", "oats>=1.", "oats>=1;", "oats=1.0", "oats ^1.2", "oats~=2",
        "oats~=2.1.*", "oats===2.0", "oats === spring", "oats (>=1", "oats>=1 # at least",
        "oats>=1+local", "oats==1+LOCAL", "oats>=v1.0-beta", "oats!=1.*.*", "oats<1.0.0*",
        "oats>=1.0.post1.0", "oats<=2.1.*,>1.*", "oats[]", "oats[a,]",
    ],
)  # fmt: skip
def test_requirement_is_read_as_uv_reads_it(dist_info: Path, text: str) -> None:
    answer = check_with_uv(dist_info, f"Requires-Dist: {text}")
    match = READ_BY_UV.search(answer)
    assert (match is None) is (REFUSED in answer), answer
    ours, uvs = read_requirement(text), Requirement(match["requirement"]) if match else None
    assert (ours and ours.specifier) == (uvs and uvs.specifier)


@pytest.mark.parametrize(
    "text",
    [
        ">=3.8", ">= '3.8'", '"3.8"', "3.8", ">=3.8,,<4", ",>=3.8", ">=3.8,", "~=3.8.*", ">=3.8.*",
        "!=3.0*,>=3.6", "==3.*", ">=3.", ">3.x", ">=3.8 <4", ">=3.6!=3.7.*", "*", "~=3",
        "=== three", "===3.11.7", "3.6 or newer", "<4.0.*", ">=3.8;", "=>3.8", ">=3.8.dev",
    ],
)  # fmt: skip
def test_requires_python_is_read_where_uv_reads_it(dist_info: Path, text: str) -> None:
    answer = check_with_uv(dist_info, f"Requires-Python: {text}")
    assert (read_specifiers(text) is None) is (REFUSED in answer), answer
