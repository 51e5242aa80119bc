"""What a reporter or a contributor meets: addresses, forms, changes, version."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from trove_classifiers import classifiers

import pkgwidgets

ROOT = Path(__file__).parent.parent
GITHUB = ROOT / ".github"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PLACEHOLDER = "pkgwidgets.invalid"
"""There is no public address yet; RFC 2606 reserves `.invalid`. Only pyproject.toml has it."""
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / ".ci" / "run",
    *(file for file in GITHUB.rglob("*.*") if file.suffix not in {".png", ".webp"}),
    *(ROOT / "notebooks").glob("*.ipynb"),
]
CONFIG = GITHUB / "ISSUE_TEMPLATE" / "config.yml"
FORMS = sorted({*CONFIG.parent.glob("*.yml")} - {CONFIG})
CHANGES = (GITHUB / "CHANGELOG.md").read_text("utf-8")


def test_addresses_of_the_project_are_placeholders_in_one_file() -> None:
    assert {"Homepage", "Documentation", "Source", "Issues", "Changelog"} == {*PROJECT["urls"]}
    assert all(url.startswith(f"https://{PLACEHOLDER}/") for url in PROJECT["urls"].values())
    (author,) = PROJECT["authors"]
    assert author["email"].endswith(f"@{PLACEHOLDER}")
    named = [file.name for file in DOCUMENTS if PLACEHOLDER in file.read_text("utf-8")]
    assert named == []


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: str(file.name))
def test_documents_have_no_address_of_the_project(file: Path) -> None:
    text = file.read_text("utf-8")
    mail = re.findall(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}\b", text)
    assert not [address for address in mail if "example" not in address]
    assert not re.search(r"https?://[\w.-]*(?:github|gitlab|readthedocs)[\w.]*/\S*pkgwidgets", text)


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md"])
def test_document_names_the_file_that_has_the_addresses(name: str) -> None:
    assert "](../pyproject.toml)" in (GITHUB / name).read_text("utf-8")


def test_there_is_a_form_for_each_kind_of_issue() -> None:
    assert [form.stem for form in FORMS] == ["documents", "idea", "problem"]
    config = yaml.safe_load(CONFIG.read_text("utf-8"))
    assert config == {"blank_issues_enabled": True}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: str(form.stem))
def test_form_is_one_that_github_reads(form: Path) -> None:
    content: dict[str, Any] = yaml.safe_load(form.read_text("utf-8"))
    assert {*content} == {"name", "description", "title", "labels", "body"}
    asked = [part for part in content["body"] if part["type"] != "markdown"]
    assert {part["type"] for part in asked} <= {"textarea", "input", "dropdown", "checkboxes"}
    assert len({part["id"] for part in asked}) == len(asked)
    assert all(part["attributes"]["label"] for part in asked)
    assert any(part.get("validations", {}).get("required") for part in asked)
    for part in asked:
        options = part["attributes"].get("options", [])
        assert (part["type"] == "dropdown") == (len({*options}) > 1)


def test_newest_section_of_the_changes_is_this_version() -> None:
    heads = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", CHANGES, re.MULTILINE)
    assert len(heads) == len(re.findall(r"^## ", CHANGES, re.MULTILINE))
    released = [head for head in heads if head[0] != "Unreleased"]
    assert released[0] == (pkgwidgets.__version__, "2026-11-30")
    assert [day for _, day in released] == sorted((day for _, day in released), reverse=True)


def test_changes_have_each_kind_once_a_version() -> None:
    kinds = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    for section in re.split(r"^## ", CHANGES, flags=re.MULTILINE)[1:]:
        found = re.findall(r"^### (.*)$", section, re.MULTILINE)
        assert found
        assert found == [kind for kind in kinds if kind in found]


def test_no_change_is_listed_twice() -> None:
    starts = [line[:60] for line in CHANGES.splitlines() if line.startswith("- ")]
    assert len(starts) > 150
    assert sorted({*starts}) == sorted(starts)


def test_every_file_has_the_same_version() -> None:
    extension = ROOT / "pkgwidgets" / "labextension"
    for name in ("package.json", "schemas/pkgwidgets/package.json.orig"):
        text = (extension / name).read_text("utf-8")
        assert json.loads(text)["version"] == pkgwidgets.__version__


def test_classifiers_exist() -> None:
    assert {*PROJECT["classifiers"]} <= {*classifiers}
    assert len({*PROJECT["classifiers"]}) == len(PROJECT["classifiers"])


CONTRIBUTING = (GITHUB / "CONTRIBUTING.md").read_text("utf-8")


@pytest.mark.parametrize(
    "path",
    sorted({*re.findall(r"`?\b((?:tests|pkgwidgets)/[\w/.]+\w|\.ci/run)", CONTRIBUTING)}),
)
def test_path_in_the_guide_for_contributors_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("folder", sorted({*re.findall(r"`(\w+/(?:\w+/)?)`", CONTRIBUTING)}))
def test_folder_in_the_guide_for_contributors_exists(folder: str) -> None:
    assert (ROOT / "pkgwidgets" / folder).is_dir()


def test_jupyterlab_finds_the_version_of_the_extension_beside_its_settings() -> None:
    """JupyterLab reads it from `package.json.orig`, which its builder copies; here nothing does."""
    extension = ROOT / "pkgwidgets" / "labextension"
    package = (extension / "package.json").read_bytes()
    assert (extension / "schemas" / "pkgwidgets" / "package.json.orig").read_bytes() == package
    assert json.loads(package)["version"] == pkgwidgets.__version__
