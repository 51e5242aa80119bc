"""uv's messages tell a missing solution from a page or file that cannot be used."""

from __future__ import annotations

import pytest

from pkgwidgets.backends.installer.uv_failures import find_index_failure, is_without_solution
from pkgwidgets.core.redaction import redact

SOURCES = "http://h/simple/"
NO_SOLUTION = "error: No solution found when resolving dependencies\n  cause: Because "


def found(output: str) -> tuple[str, str, str] | None:
    error = find_index_failure(output, "the reason", SOURCES, redact)
    return None if error is None else (error.index, error.project, error.file)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (
            "error: Failed to fetch: http://h:80/root/+simple/Odd_Name/\n  cause: HTTP status "
            "client error (410 Gone) for url (http://h:80/root/+simple/Odd_Name/)",
            ("http://h:80/root/+simple/", "odd-name", ""),
        ),
        (
            "error: Received some unexpected JSON from `http://u:s3@h/simple/odd/`\n  cause: x",
            ("http://h/simple/", "odd", ""),
        ),
        (
            "error: Failed to fetch: http://h/f/a/odd_name-2.0%2Bcu1-py3-none-any.whl\n  cause: "
            "HTTP status client error (404 Not Found)",
            (SOURCES, "odd-name", "odd_name-2.0+cu1-py3-none-any.whl"),
        ),
        (
            "error: Hash mismatch for package metadata at "
            "`http://h/f/odd-1-py3-none-any.whl.metadata`",
            (SOURCES, "odd", "odd-1-py3-none-any.whl"),
        ),
        (
            "error: Failed to fetch: http://h/simple/odd/\n  cause: error sending request for url "
            "(http://other.invalid/odd/)\n  cause: client error (Connect)",
            (SOURCES, "odd", ""),
        ),
        (
            f"{NO_SOLUTION}odd was not found in the package registry and you require odd.\n\nhint: "
            "An index (http://h/simple/) returned a 403 Forbidden error.",
            ("http://h/simple/", "odd", ""),
        ),
        (
            f"{NO_SOLUTION}odd was not found\n         in the package registry.\n\nhint: An index "
            "URL (http://h/simple/) could not be queried due to a lack of valid authentication "
            "credentials (401 Unauthorized)",
            ("http://h/simple/", "odd", ""),
        ),
    ],
)
def test_failed_page_or_file_is_found(output: str, expected: tuple[str, str, str]) -> None:
    assert found(output) == expected


@pytest.mark.parametrize(
    "output",
    [
        f"{NO_SOLUTION}odd was not found in the package registry and you require odd.",
        f"{NO_SOLUTION}only odd<=2 is available and you require odd>=3.",
        "error: Failed to read `odd==1.0`\n  cause: Failed to parse `METADATA` file: /x/METADATA",
        "error: Failed to fetch: http://h/links/\n  cause: error sending request for url "
        "(http://h/links/)\n  cause: client error (Connect)",
        "error: Failed to fetch: http://h/f/odd-2-py3-none-any.whl\n  cause: error sending request "
        "for url (http://h/f/odd-2-py3-none-any.whl)",
        "error: Failed to fetch: http://h/simple/odd/\n  cause: Network connectivity is disabled",
        "",
    ],
)
def test_other_failures_name_no_page_or_file(output: str) -> None:
    assert found(output) is None


def test_only_no_solution_means_that_the_plan_is_impossible() -> None:
    assert is_without_solution(f"Using Python 3.11\n{NO_SOLUTION}x")
    assert not is_without_solution("error: Failed to fetch: http://h/f/odd-2-py3-none-any.whl")
