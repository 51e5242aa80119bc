"""Bad input ends with exit code 2 and a message, without any side effect."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from bad_inputs import (
    METADATA_TEXTS,
    NO_INDEX_URLS,
    NO_NAMES,
    NO_PYTHONS,
    NO_REQUIREMENTS,
    NO_VERSIONS,
)
from fakes import Oracle

from pkgwidgets.__main__ import main
from pkgwidgets.backends.processes import process
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel

pytestmark = pytest.mark.slow

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def short_id(value: object) -> str:
    return ascii(value)[:30]


def command_line_texts(texts: list[Any]) -> list[str]:
    """Return the texts that a command line can contain."""
    return [text for text in texts if isinstance(text, str) and "\x00" not in text]


@pytest.fixture
def unchanged(garden: Demo, tree: Oracle) -> Iterator[None]:
    """Check that nothing is changed and no request is sent."""
    before = tree(garden.folder / "env")
    yield
    assert tree(garden.folder / "env") == before
    assert garden.index.requests == []


def check_refused(done: subprocess.CompletedProcess[str]) -> None:
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.rstrip().endswith("Nothing was changed.")
    assert done.stderr.rstrip("\n").replace("…", "").isascii()
    assert "\x1b" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", command_line_texts(NO_NAMES)[::5], ids=short_id)
@pytest.mark.usefixtures("unchanged")
def test_invalid_name_is_refused(run: Run, name: str) -> None:
    check_refused(run("upgrade", "--yes", "--", name))


@pytest.mark.parametrize("name", ["--pre", "-r req.txt", "--index-url"])
@pytest.mark.usefixtures("unchanged")
def test_name_that_looks_like_an_option_is_refused(run: Run, name: str) -> None:
    check_refused(run("upgrade", name, "--yes"))


@pytest.mark.parametrize("version", ["", "latest", "1.*", "1.0 --pre", "-1"], ids=short_id)
@pytest.mark.usefixtures("unchanged")
def test_invalid_version_is_refused(run: Run, version: str) -> None:
    check_refused(run("upgrade", "seedshelf", "--yes", f"--version={version}"))


@pytest.mark.parametrize("text", command_line_texts(NO_REQUIREMENTS)[:5], ids=short_id)
@pytest.mark.usefixtures("unchanged")
def test_invalid_requirement_is_refused(run: Run, text: str) -> None:
    check_refused(run("install", "--yes", "--", text))


_BAD_ARGUMENTS = {
    "packages": NO_NAMES,
    "updates": NO_NAMES,
    "plan": NO_NAMES,
    "plan --uninstall": NO_NAMES,
    "upgrade": NO_NAMES,
    "uninstall": NO_NAMES,
    "plan --install": NO_REQUIREMENTS,
    "install": NO_REQUIREMENTS,
    "upgrade seedshelf --version": NO_VERSIONS,
    "plan seedshelf --version": NO_VERSIONS,
}


@pytest.mark.parametrize("verb", _BAD_ARGUMENTS)
@pytest.mark.usefixtures("unchanged")
def test_every_verb_refuses_bad_input_before_starting_a_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], garden: Demo, verb: str
) -> None:
    def started(*args: object, **more: object) -> NoReturn:
        raise AssertionError("a process was started")

    monkeypatch.setattr(process, "run", started)
    monkeypatch.setattr(process, "start", started)
    where = ["--python", str(garden.python), "--index-url", garden.index_url, "--json"]
    yes = ["--yes"] if verb.split()[0] in ("upgrade", "install", "uninstall") else []
    for text in _BAD_ARGUMENTS[verb]:
        last = [f"--version={text}"] if "--version" in verb else ["--", text]
        words = [word for word in verb.split() if word != "--version"]
        assert main([*where, *words, *yes, *last]) == 2, text
        answer = json.loads(capsys.readouterr().out)
        assert (answer["success"], answer["error"]["code"]) == (False, "invalid-request")
        assert answer["error"]["hint"] == "Nothing was changed."


@pytest.mark.usefixtures("unchanged")
def test_invalid_interpreter_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for python in command_line_texts(NO_PYTHONS):
        for words in (("upgrade", "seedshelf", "--yes"), ("packages",), ("recover",)):
            assert main([*words, f"--python={python}"]) == 2, python
            assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("unchanged")
def test_invalid_index_url_is_refused(capsys: pytest.CaptureFixture[str], garden: Demo) -> None:
    words = ["upgrade", "seedshelf", "--yes", "--python", str(garden.python)]
    for url in command_line_texts(NO_INDEX_URLS):
        assert main([*words, f"--index-url={url}"]) == 2, url
        output = capsys.readouterr()
        assert (output.out, "u:p@" in output.err) == ("", False)


_NO_SENSE = [
    (),
    ("upgrades",),
    ("\x1b[2J",),
    ("packages", "--pyth", "x"),
    ("upgrade", "seedshelf", "--all"),
    ("upgrade", "seedshelf", "frostcall", "--version", "1.0", "--yes"),
    ("upgrade", "seedshelf", "--allow", "nothing"),
    ("install",),
    ("install", "a", "b c", "--yes"),
    ("plan", "--install", "a", "../b"),
    ("plan", "--install"),
    ("plan", "--install", "--undo"),
    ("plan", "--install", "a", "--version", "1.0"),
    ("undo", "a", "b", "--yes"),
    ("undo", "--yes", "../../etc"),
    ("history", "everything"),
]


@pytest.mark.usefixtures("unchanged")
def test_invalid_combination_of_arguments_is_refused(
    capsys: pytest.CaptureFixture[str], garden: Demo
) -> None:
    for words in _NO_SENSE:
        assert main(["--python", str(garden.python), *words]) == 2, words
        output = capsys.readouterr()
        assert (output.out, "\x1b" in output.err) == ("", False)
        assert output.err[0].isupper() or output.err[0] == "'"
        assert main(["--python", str(garden.python), "--json", *words]) == 2
        assert json.loads(capsys.readouterr().out)["error"]["message"]


@pytest.mark.parametrize("text", [t for t in METADATA_TEXTS if not t.isprintable()], ids=short_id)
def test_control_characters_are_not_written_to_the_terminal(
    run: Run, garden: Demo, tmp_path: Path, text: str
) -> None:
    """In a summary, and in the error of a failed import."""
    code = f"raise ImportError({text!r})\n"
    garden.index.publish(BuiltWheel(name="seedshelf", version="1.9", files={"seedshelf.py": code}))
    (info,) = garden.site_packages.glob("seedshelf-*.dist-info")
    metadata = (info / "METADATA").read_text().replace("Summary: ", f"Summary: {text} ", 1)
    (info / "METADATA").write_bytes(metadata.encode("utf-8", "surrogatepass"))
    for words in (("packages",), ("upgrade", "seedshelf", "--yes"), ("history",)):
        done = run(*words)
        shown = (done.stdout + done.stderr).replace("\n", "").replace("→", "")
        assert shown.isprintable(), words
        assert "Traceback" not in done.stderr


def test_password_in_an_index_url_is_not_shown(run: Run, garden: Demo) -> None:
    url = "http://user:pa55word@127.0.0.1:1/simple/"
    for words in (("updates", "seedshelf"), ("upgrade", "seedshelf", "--yes"), ("--index-url",)):
        done = run(*words, f"--index-url={url}")
        assert "pa55word" not in done.stdout + done.stderr
        assert done.returncode in (1, 2)
