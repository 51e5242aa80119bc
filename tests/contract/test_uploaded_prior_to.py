"""pip's `uploaded-prior-to` and uv's `exclude-newer`: obeyed, and listed as what they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pkgwidgets import IndexUnavailable, PackageService
from pkgwidgets.backends.config.index_sources import IndexSources
from pkgwidgets.backends.config.uploaded_prior_to import add_cutoff, cutoff
from pkgwidgets.backends.index.exclude_newer import parse_cutoff
from pkgwidgets.demo import Demo


@pytest.fixture
def service(garden: Demo) -> PackageService:
    return PackageService(garden.python, index_url=garden.index_url)


def listed(service: PackageService) -> set[tuple[str, str, str]]:
    return {(hold.name, hold.versions, hold.source) for hold in service.values.holds()}


def test_cutoff_of_pip_is_obeyed_by_rows_and_plans(
    service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_UPLOADED_PRIOR_TO", "2026-10-10")  # raintable 3.1.0 is of the 26th
    row = service.get_package("raintable", check_updates=True)
    assert (row.latest_version, row.compatible_version) == ("2.4.0", "2.4.0")
    assert "raintable==2.4.0" in service.plan_upgrade("raintable", allow="all").pins
    assert service.plan_install("dewcatcher").pins == ("dewcatcher==1.0.0",)
    before = ("", "uploaded before 2026-10-10", "pip's uploaded-prior-to 2026-10-10")
    assert before in listed(service)


def test_pip_file_counts_and_a_hidden_project_names_the_setting(
    service: PackageService, garden: Demo
) -> None:
    config = garden.folder / "env" / "pip.conf"
    config.write_text("[install]\nuploaded-prior-to = 2025-08-01\n")
    fresh = PackageService(garden.python, index_url=garden.index_url)
    error = fresh.get_package("raintable", check_updates=True).error
    assert error is not None
    assert "uploaded-prior-to (2025-08-01T" in error
    assert "hides all its releases" in error


def test_cutoffs_of_uv_are_listed(
    service: PackageService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_EXCLUDE_NEWER", "7 days")
    config = 'exclude-newer-package = { pea = "2026-01-02", pod = false }\n'
    (tmp_path / "uv.toml").write_text(config)
    monkeypatch.setenv("UV_CONFIG_FILE", str(tmp_path / "uv.toml"))
    rows = {(name, versions) for name, versions, _ in listed(service)}
    expected = {("pea", "uploaded before 2026-01-02"), ("pod", "of any age")}
    assert {("", "at least 7 days old"), *expected} <= rows
    assert ("", "at least 7 days old", "UV_EXCLUDE_NEWER=7 days") in listed(service)


def test_forms_are_those_of_pip() -> None:
    day = parse_cutoff(cutoff("2026-10-10"))
    assert day == datetime(2026, 10, 10).astimezone()  # its beginning, not its end as in uv
    assert parse_cutoff(cutoff("2026-10-10T12:30:00+02:00")) == datetime(
        2026, 10, 10, 10, 30, tzinfo=UTC
    )
    week = parse_cutoff(cutoff("P7D"))
    assert week is not None
    assert abs(datetime.now(UTC) - timedelta(days=7) - week) < timedelta(minutes=1)


@pytest.mark.parametrize("text", ["7 days", "P1W", "P7DT1H", "soon", "P-1D", "2026-13-01"])
def test_value_that_pip_refuses_is_an_error(text: str) -> None:
    with pytest.raises(IndexUnavailable, match="uploaded-prior-to"):
        cutoff(text)


def test_earlier_of_two_cutoffs_counts() -> None:
    early, late = "2026-01-01T00:00:00+00:00", "2026-06-01T00:00:00+00:00"
    base = IndexSources(indexes=(), before=(("", late), ("pea", "")))
    options = {"uploaded-prior-to": early}
    added = add_cutoff(base, options)
    limits = {name: parse_cutoff(text) for name, text in added.before}
    assert limits == {"": parse_cutoff(early), "pea": None}
    assert added.cutoff_setting == "uploaded-prior-to"
    base = IndexSources(indexes=(), before=(("", early),))
    assert add_cutoff(base, {"uploaded-prior-to": late}) == base
    assert add_cutoff(base, {}) == base
