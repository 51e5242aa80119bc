"""The documents match the code."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import platformdirs
import pytest
from PIL import Image

from pkgwidgets import PackagePanel, PackageService, compare_versions, demo
from pkgwidgets.backends.environment.installed_environment import DATA_FOLDER
from pkgwidgets.core.policy import POLICY_FILE
from pkgwidgets.notebook.values import ServiceValues

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
REFERENCE = (ROOT / ".github" / "REFERENCE.md").read_text("utf-8")
CI = (ROOT / ".ci" / "run").read_text("utf-8")
INSTALLS = "python3 -m venv .venv && .venv/bin/pip install --quiet uv && .venv/bin/uv pip install"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= 150


def test_ci_runs_the_test_command_of_the_readme() -> None:
    (line,) = (block.strip() for block in _blocks("sh") if ".venv/bin/pytest" in block)
    assert line.startswith(INSTALLS)
    assert "\n" not in line
    assert f"timeout 480 bash -euc '{line}'" in CI


def test_readme_opens_with_light_and_dark_moving_pictures() -> None:
    opening = README.partition("```")[0]
    named = re.findall(r'(?:src|srcset)="([^"]+)"', opening)
    assert named == [".github/images/story-dark.webp", ".github/images/story-light.webp"]
    assert 'media="(prefers-color-scheme: dark)" srcset=".github/images/story-dark' in opening
    assert "stand-ins" in opening
    for name in named:
        assert (ROOT / name).stat().st_size < 1_000_000
        with Image.open(ROOT / name) as picture:
            assert getattr(picture, "n_frames", 1) == 5
    assert "tests/browser/test_story.py" in README


def test_reference_names_every_place_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those in the home folder are the calls of platformdirs, which have no other form."""
    for name in ("CACHE", "CONFIG", "DATA"):
        monkeypatch.delenv(f"XDG_{name}_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    call = re.compile(r'platformdirs\.(user_\w+_path)\("pkgwidgets"\)(?: / "(\w+)")?')
    texts = {file: file.read_text("utf-8") for file in (ROOT / "pkgwidgets").rglob("*.py")}
    found = [match for text in texts.values() for match in call.findall(text)]
    assert len(found) == sum(len(re.findall(r"platformdirs\.\w", t)) for t in texts.values())
    home = {getattr(platformdirs, kind)("pkgwidgets") / part for kind, part in found}
    settings = platformdirs.user_config_path("pkgwidgets")
    home = home - {settings} | {_settings_file(settings)}
    own = {Path("ENVIRONMENT", name) for name in (DATA_FOLDER, POLICY_FILE)}
    section = REFERENCE.partition("\n## Files and uninstalling\n")[2].partition("\n## ")[0]
    named = [Path(place) for place in re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)]
    assert {place.expanduser() for place in named} == home | own
    assert len(named) == len(home | own)
    removed = [Path(word) for word in re.findall(r"(?<=\s)(?:~|ENVIRONMENT)/\S+", section)]
    assert all(any(place.is_relative_to(folder) for folder in removed) for place in named)


def _settings_file(folder: Path) -> Path:
    source = (ROOT / "pkgwidgets" / "backends" / "advisories" / "sources.py").read_text("utf-8")
    names: list[str] = re.findall(r'self\._file = base / "([^"]+)"', source)
    assert len(names) == 1
    return folder / names[0]


def test_reference_opens_with_light_and_dark_pictures() -> None:
    opening = REFERENCE.partition("\n## ")[0]
    named = re.findall(r'(?:src|srcset)="([^"]+)"', opening)
    assert named == ["images/panel-dark.png", "images/panel-light.png"]
    assert 'media="(prefers-color-scheme: dark)" srcset="images/panel-dark' in opening
    for name in named:
        picture = (ROOT / ".github" / name).read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert len(picture) < 150_000
    assert "tests/browser/test_pictures.py" in README


def test_first_readme_command_installs_and_opens_the_demo() -> None:
    first = _blocks("sh")[0].strip()
    assert first.startswith(INSTALLS)
    assert first.endswith(".venv/bin/pkgwidgets demo")


def test_readme_says_that_it_is_not_published_and_how_to_install_a_checkout() -> None:
    assert '```sh\npip install ".[lab]"\n```' in README
    assert "It is not published on an index yet." in README.partition('pip install ".[lab]"')[0]
    assert 'pip install "pkgwidgets' not in README


def test_first_readme_example_does_what_its_comments_say() -> None:
    """Run on the demo's stand-ins, which have the names and versions of the known projects."""
    source = _blocks("python")[0]
    with demo.start(with_stand_ins=True) as garden:
        service = PackageService(garden.python, index_url=garden.index_url)
        names = {
            "PackageService": lambda: service,
            "PackagePanel": lambda: PackagePanel(service),
        }
        statements = ast.parse(source).body
        assert len(statements) == 7
        for statement in statements[1:]:  # the first imports the two names
            exec(compile(ast.Module([statement], []), "README.md", "exec"), names)
        changes = [str(change) for done in service.values.history() for change in done.changes]
        first, _ = service.values.history()
    assert changes == ["pandas 2.2.0 → 2.3.3", "pandas 2.3.3 → 2.2.0"]
    (comment,) = re.findall(r"upgrade_package\(.*\) +# (.*)", source)
    assert str(first).startswith(comment)


_CALLS = re.findall(r"^\| `(service\..*?)` \|", REFERENCE, re.MULTILINE)


def test_reference_lists_every_service_method() -> None:
    named = re.findall(r"(?:service\.)?(\w+)\(", " ".join(_CALLS))
    functions = (name for name, value in vars(PackageService).items() if inspect.isfunction(value))
    public = {name for name in functions if not name.startswith("_")} - {"plan_surviving"}
    assert {*named} == public


def test_reference_lists_every_method_of_service_values() -> None:
    (row,) = re.findall(r"^\| `service\.values` \|(.*)\|$", REFERENCE, re.MULTILINE)
    functions = (name for name, value in vars(ServiceValues).items() if inspect.isfunction(value))
    public = {name for name in functions if not name.startswith("_")} - {"with_loaded"}
    assert {*re.findall(r"`\.(\w+)\(", row)} == public


@pytest.mark.parametrize(
    "call", re.findall(r"(?:service\.)?(\w+)\(([^)]*)\)", " ".join(_CALLS)), ids=lambda c: c[0]
)
def test_calls_of_the_reference_exist_with_these_arguments(call: tuple[str, str]) -> None:
    name, arguments = call
    parsed = ast.parse(f"f({arguments})", mode="eval").body
    assert isinstance(parsed, ast.Call)
    signature = inspect.signature(getattr(PackageService, name))
    keywords = [keyword.arg for keyword in parsed.keywords]
    assert {*keywords} <= {*signature.parameters}
    for keyword in parsed.keywords:
        default = signature.parameters[str(keyword.arg)].default
        assert ast.literal_eval(keyword.value) == default


def test_version_comparison_of_the_reference_is_correct() -> None:
    assert '`compare_versions("1.0rc1", "1.0")` | -1' in REFERENCE
    assert compare_versions("1.0rc1", "1.0") == -1


ARCHITECTURE = (ROOT / ".github" / "ARCHITECTURE.md").read_text("utf-8")
PATHS = re.findall(r"`([a-z_]+(?:/[a-z_]+)*(?:/|\.py|\.js))`", README + REFERENCE + ARCHITECTURE)


@pytest.mark.parametrize("path", sorted({*PATHS}))
def test_file_named_by_the_documents_exists(path: str) -> None:
    assert (ROOT / "pkgwidgets" / path).exists() or (ROOT / path).exists()


def test_documents_name_many_files() -> None:
    assert len({*PATHS}) > 60


def test_notebooks_contain_no_local_paths() -> None:
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        text = notebook.read_text("utf-8")
        assert not re.search(r"/(home|root|work|Users)/", text), notebook.name
