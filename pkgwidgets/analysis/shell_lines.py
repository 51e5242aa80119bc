"""The Python programs that a shell line starts: `python train.py`, `python -m package`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_SEPARATORS = frozenset({"&&", "||", ";", "|", "&", "\n", "(", ")"})
_PYTHON = re.compile(
    r"(?:.*/)?(?:python|ipython)[\d.]*|\{sys\.executable\}|\$\{?sys\.executable\}?"
)
_PREFIXES = frozenset({"time", "nohup", "env", "exec", "sudo", "nice"})
_VALUE_OPTIONS = frozenset({"-W", "-X"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """A Python program: a file, a module or code; all are "" if only running tells which."""

    file: str = ""
    module: str = ""
    code: str = ""


def python_programs(text: str) -> Iterator[Program]:
    """Yield the Python programs that shell code starts.

    >>> [program.module for program in python_programs("cd x && python -m pytest -q")]
    ['pytest']
    """
    if "python" not in text and "sys.executable" not in text:
        return
    lexer = shlex.shlex(text.replace("\\\n", " "), posix=True, punctuation_chars="();&|\n")
    lexer.whitespace, lexer.whitespace_split = " \t\r", True
    lexer.commenters = "#"
    try:
        words = list(lexer)
    except ValueError:  # an open quote
        yield Program()
        return
    command: list[str] = []
    for word in [*words, ";"]:
        if word in _SEPARATORS or set(word) <= set("();&|\n"):
            yield from _program(command)
            command = []
        else:
            command.append(word)


def _program(command: Sequence[str]) -> Iterator[Program]:
    words = list(command)
    while words and (words[0] in _PREFIXES or re.fullmatch(r"\w+=.*", words[0], re.DOTALL)):
        words.pop(0)
    if not words or not _PYTHON.fullmatch(words.pop(0)):
        return
    option = value = ""
    while words and words[0].startswith("-"):
        option = words.pop(0)
        value = words[0] if words else ""
        if option in ("-", "-c", "-m"):
            break
        if option in _VALUE_OPTIONS and words:
            words.pop(0)
        if option in ("-V", "--version", "-h", "--help", "-VV"):
            return
    else:
        if words:
            is_literal = not re.search(r"[{}$*?]", words[0])
            yield Program(file=words[0]) if is_literal else Program()
        return
    if option == "-c":
        yield Program(code=value)
    elif option == "-m" and re.fullmatch(r"[\w.]+", value):
        yield Program(module=value)
    else:
        yield Program()
