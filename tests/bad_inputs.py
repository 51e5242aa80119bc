"""Input for each entry point: invalid texts, and valid ones with their normal form."""

from __future__ import annotations

from pathlib import Path

NO_NAMES = [
    "", " ", "-", "--index-url=http://host.invalid", "-r req.txt", "-e .", "--pre", "numpy --pre",
    "numpy;os_name=='nt'", "numpy\n", "numpy\r\n--pre", "numpy\x00", "../numpy", "/etc/passwd",
    "C:\\x", "file:///x", "git+https://host.invalid/r", "x @ https://u:p@host.invalid/x.whl",
    "\u0130stanbul", "\u212aelvin", "nump\u0443", "numpy\u200b", "\u202eypmun", "_a", "a-",
    "a" * 101,
]  # fmt: skip

NAMES = {
    "a": "a",
    "A.B_c-d": "a-b-c-d",
    "zope.interface": "zope-interface",
    "ruamel.yaml": "ruamel-yaml",
    "007": "007",
    "1e5": "1e5",
    "null": "null",
    "true": "true",
    "nan": "nan",
    "constructor": "constructor",
    "hasOwnProperty": "hasownproperty",
    "con": "con",
}

NO_VERSIONS = [
    "", "latest", "==1.0", ">=1", "1.*", "1.0;rm", "1.0 --pre", "1.0/../../x", "\u0661.0", "1..0",
    "1" * 5000, "nan", "1.0+", "-1",
]  # fmt: skip

VERSIONS = {
    "1.4.2\n": "1.4.2",
    " 1.4.2 ": "1.4.2",
    "v1.4.2": "1.4.2",
    "01.4.02": "1.4.2",
    "1.4.2.0": "1.4.2.0",
}
"""Spellings of a version that the demo's seedshelf has, and how they are normalized."""

MISSING_VERSIONS = {
    "1.0\n": "1.0",
    " 1.0 ": "1.0",
    "v1.0": "1.0",
    "1.0-1": "1.0.post1",
    "1!2.0": "1!2.0",
    "1.0+local": "1.0+local",
}
"""Spellings of versions that it does not have."""

NO_REQUIREMENTS = [
    "pip @ file:///etc/passwd", "numpy==1.0 --hash=sha256:aa", "numpy; python_version<'", "numpy[",
    f"numpy[{','.join(f'e{i}' for i in range(2000))}]", "numpy>=1\n--pre", "numpy===--pre",
    "numpy===-r/etc/passwd", "numpy===https://u:p@host.invalid", "numpy; python_version<'4'",
    f"numpy; {'(' * 500}python_version<'4'{')' * 500}", "numpy>=latest",
]  # fmt: skip

NO_TEXT: list[object] = [None, 1, 1.0, True, b"x", [], [None], {}, Path("numpy"), 10**5000]

NO_INDEX_URLS = [
    "", "host.invalid", "ftp://u:p@host.invalid/", "file:///simple/", "http://", "http:///simple/",
    "http://[", "https://u:p@[::1", "--pre", "javascript:x", "http://host.invalid/ --pre",
    "http://host.invalid\n/", "http://host.invalid/\x00", "http://host.invalid:99999/",
    "http://host.invalid:x/", 1, b"http://host.invalid", [],
]  # fmt: skip

NO_PYTHONS = ["", "/nonexistent", "/etc/passwd", "--version", "py\x00thon", 1, b"/usr/bin/python"]

METADATA_TEXTS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "javascript:alert(1)",
    "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "\x01javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>", "vbscript:x", "file:///etc/passwd",
    "//host.invalid", "https://good@host.invalid", "https://u:p@host.invalid", "/etc/passwd",
    "\x1b[2J\x1b]0;x\x07", "\u202eevil", "x" * 5_000_000, "\ud800",
    "![](https://host.invalid/p.png)", r"$$\href{javascript:1}{x}$$", "{{7*7}}",
]  # fmt: skip

METADATA_REQUIREMENTS = [
    "pip @ file:///etc/passwd", "x @ https://u:p@host.invalid/x.whl", "seedshelf===--pre",
    "seedshelf==1.0 --hash=sha256:aa", "seedshelf>=2,<1", "seedshelf; python_version<'",
    "seedshelf[", f"seedshelf[{','.join(f'e{i}' for i in range(2000))}]", "stranger",
    f"seedshelf=={'1' * 5000}", f"seedshelf; {'(' * 500}python_version<'4'{')' * 500}",
    "\n".join(["x", *(f"Requires-Dist: need{number}" for number in range(10_000))]),
]  # fmt: skip

NAMES_IN_METADATA = ["", "a b", "a-", "_a", "-", "nump\u0443", "\u00e9", "../x", "--pre"]
