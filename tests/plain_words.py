"""Find unplain words and long sentences in the comments, docstrings and strings of a source."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

MAX_WORDS = 25
"""Words in a sentence, at most."""

Kind = Literal["comment", "docstring", "string"]


@dataclass(frozen=True)
class Text:
    """A comment, docstring or string of a source, with the number of its first line."""

    line: int
    kind: Kind
    text: str


@dataclass(frozen=True)
class Problem:
    """A word or sentence that the style forbids, and what to write in its place."""

    line: int
    kind: Kind
    found: str
    advice: str

    def __str__(self) -> str:
        return f"{self.line}: {self.kind}: {self.found!r}: {self.advice}"


_RELATIVE = "which or that: packages and programs are not persons"
_BANNED = {
    r"whom|whomever|whoever|whosoever": _RELATIVE,
    r"(?<!there )(?:is|are|was|were) (?-i:none)": 'say what it is: "invalid", "not a version"',
    r"of ours|of us": "name the owner: pkgwidgets, this process",
    r"nobody's|nobody": "name the subject: no process, no package",
    r"somebody|somebody's|anybody|anybody's": "name the subject: a process, a user",
    r"beside it": "staged, or next to the environment",
    r"laid over": "staged",
    r"spoil|spoils|spoilt|spoiled": "unreadable, corrupt",
    r"lend|lends|lent": "borrow, use",
    r"mend|mends|mended|mending": "fix",
    r"(?:put|puts|putting) (?:(?:it|them|this|that) )?back": "roll back, restore",
    r"the old one": "unchanged",
    r"(?:take|takes|took|taken|taking) (?:(?:it|them|this|that) )?back": "undo, roll back",
    r"(?:is|are|was|were|be|been) cut off": "interrupted, truncated",
    r"cut-off|left in the middle": "interrupted",
    r"within reach|that fits|that fit": "compatible",
    r"asked for": "requested, request",
    r"it said nothing|said nothing": "without an error message",
    r"said|told|tells of|telling of": "name what was reported, and by what",
    r"as it was|as they were": "unchanged",
    r"cannot go": "cannot be uninstalled",
    r"mere|merely": "only, plain",
    r"foresee|foresees|foreseen|foresaw": "predict, prepare",
    r"carry out|carries out|carried out|carrying out": "apply, run",
    r"bring to its end|brought to its end|brings to its end|rescue|rescued|rescues": "recover",
    r"(?:is|are|was|were) begun": "name what started",
    r"edition|editions": "release, version",
    r"wish|wishes|wished": "request",
    r"way back": "undo, save point",
    r"pardon|pardons|pardoned": "ignore, allow",
    r"whatever became of|what became of|what becomes of": "outcome, result",
    r"by itself|of itself": "name the cause",
    r"in vain": "without a result",
    r"goes wild|wild chase": "say what happens",
    r"of its own accord|for its own sake": "say why",
    r"hence|thence|whence|thereof|whereof|herein|lest|albeit|nought|naught|oneself": "plain word",
    r"deaf to|blind to": "ignores",
}
_PATTERNS = [
    (re.compile(rf"\b(?:{words})\b", re.IGNORECASE), advice) for words, advice in _BANNED.items()
]
_ANY = re.compile(rf"\b(?:{'|'.join(_BANNED)})\b", re.IGNORECASE)

_QUESTION_WORDS = {"how", "if", "what", "when", "where", "whether", "which", "who", "whose", "why"}
_PRONOUNS = {"each", "he", "here", "his", "it", "its", "one", "she", "that", "they", "this", "we"}
_NOT_IMPERATIVE = _QUESTION_WORDS | _PRONOUNS | {"never", "nothing", "only", "of", "as"}
"""First words of a function's docstring that D401 of ruff accepts."""

_CODE = re.compile(r"``.*?``|`[^`]*`", re.DOTALL)
_DIRECTIVE = re.compile(r"#\s*(?:noqa|type:|mypy:|ruff:|pragma|fmt:|!)")
_QUOTED = re.compile(r"#.*\bquoted from\b")
_NOT_PROSE = re.compile(r"\s*(?:>>>|\.\.\. |\||@)|.*[│┌└├─═║╔]")
_SENTENCE_END = re.compile(
    r"(?<=[.!?])[\"')\]]*\s+(?=[^a-z])|\n\s*\n|\n\s*(?:[-*•]|\d+\.?) |\n\s*`\w+` {2,}"
)
_WORD = re.compile(r"[^\W\d_][\w'’.\-]*|\d[\w.]*")
_JS_TOKEN = re.compile(
    r"""(?P<block>/\*.*?\*/)
      | (?P<line>//[^\n]*(?:\n[ \t]*//[^\n]*)*)
      | (?P<string>"(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*')
      | (?P<mark>[`{}])
      | (?<=[=(,:&|?!])\s*/(?:\\.|\[[^\]\n]*\]|[^/\\\n])+/""",
    re.DOTALL | re.VERBOSE,
)
_JS_TEMPLATE_PART = re.compile(r"((?:\\.|\$(?!\{)|[^`\\$])*)(`|\$\{|$)", re.DOTALL)
_CODE_IN_STRING = re.compile(
    r"^\s*(?:create|delete|insert|select)\b.*\b(?:from|into|table)\b|\(\?|\\\."
)
"""SQL and regular expressions."""


def python_texts(source: str) -> Iterator[Text]:
    """Yield the comments, docstrings and other strings of a Python source.

    A string is left out if a comment on its line or the line above says `quoted from`.
    """
    yield from _python_comments(source)
    quoted = _quoted_lines(source)
    tree = ast.parse(source)
    docstrings = {id(docstring): docstring for docstring in _docstrings(tree)}
    for docstring in docstrings.values():
        yield Text(docstring.lineno, "docstring", str(docstring.value))
    parts = {id(part) for node in ast.walk(tree) for part in _parts(node)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant | ast.JoinedStr) or node.lineno in quoted:
            continue
        text = _string_of(node)
        if id(node) not in parts | docstrings.keys() and text and not _is_code(text):
            yield Text(node.lineno, "string", text)


def javascript_texts(source: str) -> Iterator[Text]:
    """Yield the comments and the string literals of a JavaScript source."""
    yield from _JavaScript(source).texts()


def problems(text: Text) -> Iterator[Problem]:
    """Yield the banned words of a text, then its sentences that are too long."""
    prose = _CODE.sub(_blank_code, _prose(text.text))
    for pattern, advice in _PATTERNS if _ANY.search(prose) else ():
        for match in pattern.finditer(prose):
            line = text.line + prose.count("\n", 0, match.start())
            yield Problem(line, text.kind, match.group(), advice)
    for sentence in _SENTENCE_END.split(prose):
        count = len(_WORD.findall(sentence))
        if count > MAX_WORDS:
            start = " ".join(sentence.split()[:6])
            yield Problem(text.line, text.kind, f"{start}…", f"{count} words; at most {MAX_WORDS}")


def first_word_problems(source: str) -> Iterator[Problem]:
    """Yield the functions whose docstring does not start with what the function does.

    Properties and fixtures have noun phrases. A test may state what it shows.
    """
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        docstring = ast.get_docstring(node) or ""
        is_named = any(
            "property" in ast.unparse(d) or "fixture" in ast.unparse(d) for d in node.decorator_list
        )
        word = docstring.partition(" ")[0].rstrip(",")
        if word.lower() in _NOT_IMPERATIVE and not is_named and not node.name.startswith("test"):
            yield Problem(node.lineno, "docstring", word, "start with a verb: Return, Raise, Read")


class _JavaScript:
    """A scanner of one source: templates contain code, which contains strings."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._position = 0

    def texts(self, *, in_template: bool = False) -> Iterator[Text]:
        """Yield the texts up to the end, or up to the `}` that ends the code in a template."""
        depth = 0
        while match := _JS_TOKEN.search(self._source, self._position):
            self._position = match.end()
            line = self._source.count("\n", 0, match.start()) + 1
            mark = match["mark"]
            depth += {"{": 1, "}": -1}.get(mark, 0)
            if in_template and depth < 0:
                return
            if mark == "`":
                yield from self._template(line)
            elif match["string"]:
                yield Text(line, "string", match["string"][1:-1])
            elif comment := match["block"] or match["line"]:
                text = re.sub(r"^[ \t]*(?:/\*\*?|\*/|\*|//)", "", comment, flags=re.MULTILINE)
                yield Text(line, "comment", text.removesuffix("*/"))

    def _template(self, line: int) -> Iterator[Text]:
        parts = []
        while match := _JS_TEMPLATE_PART.match(self._source, self._position):
            self._position = match.end()
            parts.append(match[1])
            if match[2] != "${":
                break
            yield from self.texts(in_template=True)
        yield Text(line, "string", "CODE".join(parts))


def _docstrings(tree: ast.AST) -> Iterator[ast.Constant]:
    """Yield every string that is a statement: docstrings, also of attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield from [node.value] if isinstance(node.value.value, str) else []


def _parts(node: ast.AST) -> list[ast.expr]:
    return node.values if isinstance(node, ast.JoinedStr) else []


def _string_of(node: ast.AST) -> str:
    """Return the text of a string or an f-string; "" for other nodes."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_string_of(part) or "CODE" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _is_code(text: str) -> bool:
    """Tell whether a string is a regular expression, SQL or several lines of Python."""
    if _CODE_IN_STRING.search(text):
        return True
    try:
        return len(ast.parse(text).body) > 1
    except (SyntaxError, ValueError):
        return False


def _python_comments(source: str) -> Iterator[Text]:
    """Yield each comment; those that fill consecutive lines are one text."""
    block: list[Text] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT or _DIRECTIVE.match(token.string):
            continue
        line, column = token.start
        comment = Text(line, "comment", token.string.lstrip("#: ").partition("# noqa")[0])
        if token.line[:column].strip():
            yield comment
        elif block and block[-1].line + 1 == line:
            block.append(comment)
        else:
            yield from _joined(block)
            block = [comment]
    yield from _joined(block)


def _joined(block: list[Text]) -> list[Text]:
    text = "\n".join(comment.text for comment in block)
    return [Text(block[0].line, "comment", text)] if block else []


def _quoted_lines(source: str) -> set[int]:
    """Return the numbers of the lines whose strings quote other software."""
    lines = enumerate(source.splitlines(), 1)
    return {line + after for line, text in lines if _QUOTED.search(text) for after in (0, 1)}


def _prose(text: str) -> str:
    """Blank the lines of doctests, tables, drawings and tags, and keep the count of lines."""
    return "\n".join("" if _NOT_PROSE.match(line) else line for line in text.split("\n"))


def _blank_code(match: re.Match[str]) -> str:
    return "CODE" + "\n" * match.group().count("\n")
