"""Child processes get the variables that lead to the index, and none that redirect it."""

from __future__ import annotations

import pytest

from pkgwidgets.backends.processes import process


@pytest.mark.parametrize(
    "name",
    [
        "PIP_TARGET", "PIP_INDEX_URL", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV",
        "CONDA_PREFIX", "UV_SYSTEM_PYTHON", "UV_TARGET", "UV_PREFIX", "UV_PYTHON", "UV_CONSTRAINT",
        "UV_OVERRIDE", "UV_PRERELEASE", "UV_BREAK_SYSTEM_PACKAGES", "UV_REQUIRE_HASHES",
        "AWS_SECRET_ACCESS_KEY", "JUPYTER_TOKEN", "LD_PRELOAD",
    ],
)  # fmt: skip
def test_variables_that_redirect_an_installer_are_removed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "x")
    assert name not in process.clean_environment()


@pytest.mark.parametrize(
    "name",
    [
        "PATH", "HOME", "TMPDIR", "https_proxy", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE",
        "LC_ALL", "XDG_CACHE_HOME", "UV_CACHE_DIR", "UV_INDEX_URL", "UV_DEFAULT_INDEX",
        "UV_INDEX_MINE_PASSWORD", "UV_CONFIG_FILE", "NETRC",
    ],
)  # fmt: skip
def test_variables_for_network_and_cache_are_kept(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "x")
    assert process.clean_environment()[name] == "x"
