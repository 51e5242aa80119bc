"""The help of the command line and the OpenAPI document are complete and in plain English."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import plain_words
import pytest
from error_examples import EXAMPLES

from pkgwidgets.commands import grammar
from pkgwidgets.server import openapi, openapi_texts

_UNPLAIN = re.compile(
    r"\b(who|whose|is none|are none|cut off|(?:put|take|taken|took|takes) back|reachable|begun"
    r"|carr(?:y|ied|ies) (?:it )?out|look after|look-up|stands? in the way|meant|may move"
    r"|what there is)\b",
    re.IGNORECASE,
)
"""Words that no help needs, besides those that no text needs."""
_ITEM = re.compile(r"  \S.*?(?:\s{2,}(\S.*))?")
"""A line of a list in a help text: a command, an option or an example, and what it means."""

FACES = [
    pytest.param((verb, magic), id=f"{'%packages' if magic else 'pkgwidgets'} {verb}")
    for magic in (False, True)
    for verb in ("", *grammar.verbs(magic=magic))
]


@pytest.fixture(params=FACES)
def help_text(
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """Return the help of the program or of a verb, with each option on one line."""
    verb, magic = request.param
    return printed_help(verb, 1000, magic, capsys, monkeypatch)


def printed_help(
    verb: str,
    columns: int,
    magic: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """Return the help of a verb in a terminal of that width."""
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit):
        grammar.parse([*verb.split(), "--help"], magic=magic)
    return capsys.readouterr().out


def problems(text: str) -> list[str]:
    """Return the banned words and the long sentences of a text."""
    prose = re.sub(r"`[^`]*`", "CODE", text)
    unplain = [match.group() for match in _UNPLAIN.finditer(prose)]
    return [*unplain, *(problem.found for problem in plain_words.problems(_as_text(text)))]


def _as_text(text: str) -> plain_words.Text:
    return plain_words.Text(1, "string", text)


def items(text: str) -> Iterator[tuple[str, str]]:
    """Yield the items of the lists in a help text, each with its meaning or ""."""
    # A long option has its meaning on the next line.
    for line in re.sub(r"\n {10,}", "  ", text).splitlines():
        if match := _ITEM.fullmatch(line):
            meaning = match[1] or ""
            yield line.removesuffix(meaning).strip(), meaning


# --- command line and magic


def test_help_is_in_plain_english(help_text: str) -> None:
    usage, _, rest = help_text.partition("\n\n")
    assert usage.startswith("usage: ")
    paragraphs = re.split(r"\n\n", re.sub(r"(?m)^  .*$", "", rest))
    texts = [*paragraphs, *(meaning for _, meaning in items(rest))]
    assert len(texts) > 5
    assert [problem for text in texts for problem in problems(text)] == []


def test_help_explains_every_command_option_and_example(help_text: str) -> None:
    explained = dict(items(help_text.partition("\n\n")[2]))
    assert len(explained) >= 3
    for item, meaning in explained.items():
        assert meaning[:1].isupper(), item


def test_examples_of_the_help_are_valid_commands(help_text: str) -> None:
    program = help_text.split()[1]
    examples = help_text.partition("examples:\n")[2].partition("\n\n")[0]
    commands = [item for item, _ in items(examples)]
    assert commands
    for command in commands:
        name, *words = shlex.split(command)
        assert name == program
        assert grammar.parse(words, magic=program.startswith("%")).verb


@pytest.mark.parametrize("verb", ["", *grammar.verbs()])
def test_help_fits_in_80_columns(
    verb: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = printed_help(verb, 80, False, capsys, monkeypatch)
    assert [line for line in shown.splitlines() if len(line) > 80] == []


def test_help_states_the_exit_codes_of_the_command_line_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = printed_help("", 80, False, capsys, monkeypatch)
    assert re.findall(r"(?m)^  (\d+)  [A-Z]", shown) == ["0", "1", "2", "3", "4", "130"]
    assert "exit codes" not in printed_help("", 80, True, capsys, monkeypatch)


# --- OpenAPI

DOCUMENT = openapi.document("/")
OPERATIONS = {
    operation["operationId"]: operation
    for methods in DOCUMENT["paths"].values()
    for operation in methods.values()
}


def descriptions(node: object) -> Iterator[str]:
    """Yield every description and summary below a part of the document."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("description", "summary") and isinstance(value, str):
                yield value
            else:
                yield from descriptions(value)
    elif isinstance(node, list):
        for value in node:
            yield from descriptions(value)


def test_openapi_descriptions_are_in_plain_english() -> None:
    texts = {*descriptions(DOCUMENT)}
    assert len(texts) > 60
    assert {text: found for text in texts if (found := problems(text))} == {}


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_operation_states_what_it_does_needs_and_answers(operation_id: str) -> None:
    operation = OPERATIONS[operation_id]
    summary, description = operation["summary"], operation["description"]
    assert summary[0].isupper()
    assert description.startswith(f"{summary}.")
    assert re.search(r"Requires the permission `(read|execute)`\.$", description)
    for response in operation["responses"].values():
        assert response["description"].endswith(".")
    for parameter in operation.get("parameters", []):
        assert "$ref" in parameter or parameter["description"].endswith(".")


def test_permission_in_the_description_is_the_required_one() -> None:
    executing = {
        name
        for name, operation in OPERATIONS.items()
        if operation["description"].endswith("`execute`.")
    }
    assert executing == {
        "upgradePackage", "upgradeAllPackages", "installPackage", "uninstallPackage",
        "cancelTransaction", "undo", "dismissNote", "fixPackages", "useAdvisories",
        "hold", "unhold", "restore", "copyEnvironment", "removeEnvironment",
        "cancelOperation",
    }  # fmt: skip


def test_failures_name_their_error_codes() -> None:
    responses = OPERATIONS["plan"]["responses"]
    assert "`plan-impossible`" in responses["409"]["description"]
    assert "`invalid-request`" in responses["422"]["description"]
    assert "`request-refused`" in responses["413"]["description"]


def test_every_status_of_an_error_is_described() -> None:
    statuses = {str(error.http_status) for error, *_ in EXAMPLES}
    assert len(statuses) > 5
    assert statuses <= {*openapi_texts.failures()}


# --- the check itself


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Show who blocks it.", ["who"]),
        ("Roll back what is reachable.", ["reachable"]),
        ("Mend it.", ["Mend"]),
        ("Nothing was changed. Run `who` again.", []),
        (f"This sentence {'is ' * 24}long.", ["This sentence is is is is…"]),
        (f"This one {'is ' * 22}short. So is this.", []),
    ],
)
def test_banned_words_and_long_sentences_are_found(text: str, found: list[str]) -> None:
    assert problems(text) == found
