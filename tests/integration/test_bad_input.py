"""Every method of the service refuses bad input before it starts a process or a request."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest
import requests
from bad_inputs import (
    METADATA_REQUIREMENTS,
    METADATA_TEXTS,
    MISSING_VERSIONS,
    NAMES,
    NAMES_IN_METADATA,
    NO_INDEX_URLS,
    NO_NAMES,
    NO_PYTHONS,
    NO_REQUIREMENTS,
    NO_TEXT,
    NO_VERSIONS,
    VERSIONS,
)

from pkgwidgets import PackageService, demo
from pkgwidgets.backends.processes import process
from pkgwidgets.core.errors import (
    EnvironmentRefused,
    InvalidRequest,
    PackageNotFound,
    PkgwidgetsError,
    PlanImpossible,
    ProjectNotFound,
    ResolutionFailed,
)
from pkgwidgets.core.packages import PackageStatus
from pkgwidgets.demo import Demo
from pkgwidgets.presentation.value_html import package_html

Door = Callable[[PackageService, Any], object]

NAME_DOORS: dict[str, Door] = {
    "get_package": lambda service, name: service.get_package(name),
    "get_package, asking": lambda service, name: service.get_package(name, check_updates=True),
    "get_package_by_id": lambda service, name: service.get_package_by_id(name),
    "get_package_by_id, asking": lambda service, name: service.get_package_by_id(
        name, check_updates=True
    ),
    "check_for_updates": lambda service, name: service.check_for_updates(name),
    "plan_upgrade": lambda service, name: service.plan_upgrade(name),
    "plan_upgrade, a list": lambda service, name: service.plan_upgrade(["seedshelf", name]),
    "plan_upgrade, a version": lambda service, name: service.plan_upgrade(name, "1.0"),
    "plan_uninstall": lambda service, name: service.plan_uninstall(name),
    "plan_uninstall, a list": lambda service, name: service.plan_uninstall(["seedshelf", name]),
    "upgrade_package": lambda service, name: service.upgrade_package(name),
    "upgrade_package, a version": lambda service, name: service.upgrade_package(name, "1.0"),
    "uninstall_package": lambda service, name: service.uninstall_package(name),
}
"""What takes the name of something installed."""

REQUIREMENT_DOORS: dict[str, Door] = {
    "plan_install": lambda service, text: service.plan_install(text),
    "install_package": lambda service, text: service.install_package(text),
}

VERSION_DOORS: dict[str, Door] = {
    "plan_upgrade": lambda service, text: service.plan_upgrade("seedshelf", text),
    "plan_upgrade, alone": lambda service, text: service.plan_upgrade(
        "seedshelf", text, allow="self"
    ),
    "upgrade_package": lambda service, text: service.upgrade_package("seedshelf", text),
}

EVERYTHING = {"check_for_updates", "plan_upgrade"}
"""Where None is no name but all of them."""


def short(value: object) -> str:
    return "a huge number" if value == 10**5000 else ascii(value)[:30]


@pytest.fixture(scope="module")
def garden() -> Iterator[Demo]:
    with demo.start() as running:
        yield running


@pytest.fixture(scope="module")
def service(garden: Demo) -> PackageService:
    return PackageService(garden.python, index_url=garden.index_url)


@pytest.fixture
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object, **__: object) -> NoReturn:
        pytest.fail("a process was started")

    monkeypatch.setattr(process, "run", start)
    monkeypatch.setattr("subprocess.Popen", start)


@pytest.fixture
def nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def send(*_: object, **__: object) -> NoReturn:
        pytest.fail("a request was sent")

    monkeypatch.setattr(requests.Session, "send", send)
    monkeypatch.setattr(requests.Session, "request", send)


class Installer:
    """Replaces the process runner: records all arguments and input, and fails."""

    def __init__(self) -> None:
        self.arguments: list[str] = []

    def __call__(
        self, argv: Sequence[str], *, stdin: str = "", **_: object
    ) -> process.CompletedProcess:
        files = [Path(arg) for arg in argv if arg.endswith(".txt")]
        self.arguments += [*argv, *stdin.split("\n")]
        self.arguments += [line for file in files for line in file.read_text("utf-8").split("\n")]
        return process.CompletedProcess(argv=tuple(argv), returncode=1, stdout="", stderr="no")


@pytest.fixture
def installer(monkeypatch: pytest.MonkeyPatch) -> Installer:
    installer = Installer()
    monkeypatch.setattr(process, "run", installer)
    return installer


@pytest.fixture
def stranger(garden: Demo) -> Iterator[Callable[[str], None]]:
    """Install a distribution whose METADATA has this head."""
    folder = garden.site_packages / "stranger-1.0.dist-info"

    def install(head: str) -> None:
        folder.mkdir()
        text = f"Metadata-Version: 2.1\n{head}\n\n"
        (folder / "METADATA").write_text(text, "utf-8", "surrogatepass")
        (folder / "RECORD").write_text("stranger-1.0.dist-info/METADATA,,\n")

    yield install
    shutil.rmtree(folder)


def assert_is_fit_to_show(error: PkgwidgetsError) -> None:
    """Assert one short printable line without control or hidden characters."""
    sentence = error.sentence()
    assert sentence.replace("…", "...").isascii()
    assert sentence.isprintable()
    assert len(sentence) <= 300


# --- names


@pytest.mark.parametrize("name", NO_NAMES, ids=short)
@pytest.mark.parametrize("door", [*NAME_DOORS, *REQUIREMENT_DOORS])
@pytest.mark.usefixtures("nothing_starts", "nothing_is_sent")
def test_invalid_name_is_refused(service: PackageService, door: str, name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        {**NAME_DOORS, **REQUIREMENT_DOORS}[door](service, name)
    assert caught.value.field in ("name", "requirement")
    assert_is_fit_to_show(caught.value)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("door", NAME_DOORS)
@pytest.mark.usefixtures("nothing_starts", "nothing_is_sent")
def test_unknown_name_raises_package_not_found(
    service: PackageService, door: str, name: str
) -> None:
    with pytest.raises(PackageNotFound) as caught:
        NAME_DOORS[door](service, name)
    assert caught.value.name in (name, NAMES[name])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("door", REQUIREMENT_DOORS)
@pytest.mark.usefixtures("nothing_starts")
def test_unknown_project_is_requested_by_its_normalized_name(
    service: PackageService, door: str, name: str
) -> None:
    with pytest.raises(ProjectNotFound) as caught:
        REQUIREMENT_DOORS[door](service, name)
    assert caught.value.id == NAMES[name]


@pytest.mark.parametrize("name", ["Compost_Log", "compost-log", "COMPOST.LOG", "compost__log"])
@pytest.mark.usefixtures("nothing_starts", "nothing_is_sent")
def test_any_spelling_of_a_name_finds_the_package(service: PackageService, name: str) -> None:
    assert service.get_package(name).name == "Compost_Log"


@pytest.mark.parametrize("value", NO_TEXT, ids=short)
@pytest.mark.parametrize("door", [*NAME_DOORS, *REQUIREMENT_DOORS])
@pytest.mark.usefixtures("nothing_starts", "nothing_is_sent")
def test_name_that_is_not_a_string_is_refused(
    service: PackageService, door: str, value: object
) -> None:
    if value is None and door in EVERYTHING:
        value = object()
    with pytest.raises(InvalidRequest) as caught:
        {**NAME_DOORS, **REQUIREMENT_DOORS}[door](service, value)
    assert_is_fit_to_show(caught.value)


# --- versions


@pytest.mark.parametrize("version", [*NO_VERSIONS, 1, 1.0, True, b"1", ["1.0"]], ids=short)
@pytest.mark.parametrize("door", VERSION_DOORS)
@pytest.mark.usefixtures("nothing_starts", "nothing_is_sent")
def test_invalid_version_is_refused(service: PackageService, door: str, version: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        VERSION_DOORS[door](service, version)
    assert (caught.value.field, caught.value.value) == ("version", version)
    assert_is_fit_to_show(caught.value)


@pytest.mark.parametrize("names", [None, ["seedshelf", "frostcall"]], ids=["all", "two"])
@pytest.mark.usefixtures("nothing_starts", "nothing_is_sent")
def test_version_without_exactly_one_name_is_refused(
    service: PackageService, names: list[str] | None
) -> None:
    with pytest.raises(InvalidRequest, match="a version can be given for one package only"):
        service.plan_upgrade(names, "1.0")


@pytest.mark.parametrize("text", VERSIONS, ids=short)
@pytest.mark.parametrize("door", VERSION_DOORS)
def test_installer_gets_the_normalized_version(
    service: PackageService, installer: Installer, door: str, text: str
) -> None:
    with pytest.raises(ResolutionFailed):
        VERSION_DOORS[door](service, text)
    pins = {argument for argument in installer.arguments if argument.startswith("seedshelf==")}
    assert pins == {f"seedshelf=={VERSIONS[text]}"}


@pytest.mark.parametrize("text", MISSING_VERSIONS, ids=short)
@pytest.mark.parametrize("door", VERSION_DOORS)
@pytest.mark.usefixtures("nothing_starts")
def test_missing_version_is_refused_by_its_normalized_spelling(
    service: PackageService, door: str, text: str
) -> None:
    with pytest.raises(PlanImpossible) as caught:
        VERSION_DOORS[door](service, text)
    assert caught.value.explanation == (
        f"seedshelf {MISSING_VERSIONS[text]} does not exist; the newest is 1.4.2."
    )


@pytest.mark.parametrize("text", VERSIONS, ids=short)
def test_user_input_never_becomes_an_installer_option(
    service: PackageService, installer: Installer, text: str
) -> None:
    with pytest.raises(ResolutionFailed):
        service.plan_upgrade("seedshelf", text, allow="self")
    options = {argument for argument in installer.arguments if argument.startswith("-")}
    assert options == {
        "--dry-run", "--only-binary", "--python", "--config-file", "-r", "-c", "--output-format",
    }  # fmt: skip


# --- requirements and other input


@pytest.mark.parametrize("text", NO_REQUIREMENTS, ids=short)
@pytest.mark.parametrize("door", REQUIREMENT_DOORS)
@pytest.mark.usefixtures("nothing_starts", "nothing_is_sent")
def test_requirement_with_more_than_name_and_versions_is_refused(
    service: PackageService, door: str, text: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        REQUIREMENT_DOORS[door](service, text)
    assert_is_fit_to_show(caught.value)


@pytest.mark.parametrize("allow", ["", "everything", "Self", None, 1, ["all"]], ids=short)
@pytest.mark.parametrize("door", ["plan_upgrade", "plan_install"])
@pytest.mark.usefixtures("nothing_starts", "nothing_is_sent")
def test_invalid_allow_value_is_refused(service: PackageService, door: str, allow: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        getattr(service, door)("seedshelf", allow=allow)
    assert caught.value.reason == "use one of self, dependencies, all"


@pytest.mark.parametrize("transaction_id", ["", "x", "../x", "/etc/passwd", 1, b"x", []], ids=short)
@pytest.mark.parametrize("door", ["plan_undo", "undo"])
@pytest.mark.usefixtures("nothing_starts", "nothing_is_sent")
def test_invalid_transaction_id_cannot_be_undone(
    service: PackageService, door: str, transaction_id: object
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        getattr(service, door)(transaction_id)
    assert caught.value.field == "transaction"
    assert_is_fit_to_show(caught.value)


@pytest.mark.parametrize("url", NO_INDEX_URLS, ids=short)
@pytest.mark.usefixtures("nothing_starts", "nothing_is_sent")
def test_invalid_index_url_is_refused(url: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        PackageService(index_url=url)
    assert caught.value.field == "index address"
    assert_is_fit_to_show(caught.value)


@pytest.mark.parametrize("python", NO_PYTHONS, ids=short)
@pytest.mark.usefixtures("nothing_is_sent")
def test_invalid_interpreter_is_refused(garden: Demo, python: Any) -> None:
    with pytest.raises((EnvironmentRefused, InvalidRequest)):
        PackageService(python, index_url=garden.index_url)


@pytest.mark.parametrize(
    "open_door",
    [
        lambda service: service.plan_install("x @ https://u:secret@host.invalid/x.whl"),
        lambda service: service.get_package("https://u:secret@host.invalid/simple/"),
        lambda service: service.plan_upgrade("seedshelf", "https://u:secret@host.invalid/"),
        lambda service: PackageService(index_url="ftp://u:secret@host.invalid/"),
    ],
    ids=["a requirement", "a name", "a version", "an index"],
)
@pytest.mark.usefixtures("nothing_starts", "nothing_is_sent")
def test_credentials_in_refused_input_are_not_shown(
    service: PackageService, open_door: Callable[[PackageService], object]
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        open_door(service)
    assert "secret" not in f"{caught.value} {caught.value!r} {caught.value.facts}"


# --- hostile metadata


@pytest.mark.parametrize("text", METADATA_TEXTS, ids=short)
@pytest.mark.usefixtures("nothing_starts", "nothing_is_sent")
def test_hostile_summary_is_shown_as_text(
    service: PackageService, stranger: Callable[[str], None], text: str
) -> None:
    stranger(f"Name: stranger\nVersion: 1.0\nSummary: {text}")
    package = service.get_package("stranger")
    assert package.status is PackageStatus.INSTALLED
    assert len(package.summary) <= 512
    assert not {"<script", "<img"} & {*package_html(package).lower().replace("<", " <").split()}
    assert "stranger" in service.get_packages().index


@pytest.mark.parametrize("text", METADATA_REQUIREMENTS, ids=short)
def test_hostile_requirement_does_not_affect_other_packages(
    service: PackageService, stranger: Callable[[str], None], text: str
) -> None:
    stranger(f"Name: stranger\nVersion: 1.0\nRequires-Dist: {text}")
    assert service.check_for_updates("frostcall")["update_available"].tolist() == [True]
    plan = service.plan_upgrade("frostcall")
    assert [str(change) for change in plan.changes] == ["frostcall 1.9.3 → 2.0.0"]


@pytest.mark.parametrize("name", NAMES_IN_METADATA, ids=short)
def test_distribution_with_an_invalid_name_is_an_error_row(
    service: PackageService, stranger: Callable[[str], None], name: str
) -> None:
    stranger(f"Name: {name}\nVersion: 1.0")
    row = service.get_packages().loc["stranger"]
    assert row["status"] == "error"
    assert "METADATA has no valid project name" in row["error"]


@pytest.mark.parametrize("version", NO_VERSIONS, ids=short)
@pytest.mark.usefixtures("nothing_starts", "nothing_is_sent")
def test_distribution_with_an_invalid_version_is_an_error_row(
    service: PackageService, stranger: Callable[[str], None], version: str
) -> None:
    stranger(f"Name: stranger\nVersion: {version}")
    row = service.get_packages().loc["stranger"]
    assert (row["status"], row["error"].isascii()) == ("error", True)


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", '"x"', "\xff", '{"url": 1}', '{"url": "http://["}', "[" * 100_000,
     '{"dir_info": "x"}', '{"dir_info": [1]}'],
    ids=short,
)  # fmt: skip
@pytest.mark.usefixtures("nothing_starts", "nothing_is_sent")
def test_hostile_direct_url_does_not_break_the_list(
    garden: Demo, service: PackageService, stranger: Callable[[str], None], text: str
) -> None:
    stranger("Name: stranger\nVersion: 1.0")
    file = garden.site_packages / "stranger-1.0.dist-info" / "direct_url.json"
    file.write_bytes(text.encode("latin-1"))
    packages = service.get_packages()
    assert packages.loc["seedshelf", "status"] == "installed"
    assert "stranger" in packages.index


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '"x"', "null", '{"files": null}', '{"files": [1]}', "[" * 100_000],
    ids=short,
)
@pytest.mark.usefixtures("nothing_is_sent")
def test_hostile_conda_record_does_not_break_the_list(garden: Demo, text: str) -> None:
    records = garden.folder / "env" / "conda-meta"
    records.mkdir()
    (records / "stranger-1.0.json").write_text(text)
    try:
        packages = PackageService(garden.python, index_url=garden.index_url).get_packages()
    finally:
        shutil.rmtree(records)
    assert set(packages["status"]) == {"installed"}
