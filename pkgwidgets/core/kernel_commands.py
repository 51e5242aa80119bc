"""Read command lines: which word starts a kernel, its connection file, the executed notebook."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from itertools import pairwise
from pathlib import PurePath

_KERNEL_MODULE = re.compile(
    r"ipykernel(?:_launcher|\.kernelapp)?|colab_kernel_launcher|xpython(?:_launcher)?"
)
_KERNEL_IMPORT = re.compile(r"\b(?:import|from)\s+(?:ipykernel\.kernelapp|\w+_launcher)\b")
"""Matches the code after `-c` of a kernel that is started without `-m`."""
_ENGINE = re.compile(r"ipyparallel\.engine(?:\.app)?|ipengine")
"""What starts an engine of ipyparallel, a kernel without a connection file of its own."""
_KERNEL_SCRIPT = re.compile(r"ipykernel_launcher(?:\.py)?|colab_kernel_launcher(?:\.py)?")
_RUN_OPTION = re.compile(r"-[A-Za-z]*[mc]")
"""Matches an option of Python after which the program to run begins: `-m`, `-c`, `-Im`."""
_OPTIONS_WITH_VALUE = frozenset({"-X", "-W", "--check-hash-based-pycs"})
_CONNECTION_OPTION = re.compile(r"--?(?:f|connection-file|\w+\.connection_file)(?:=(.+))?")
_KERNEL_FILE = re.compile(r"(?:^|=)([^=]*kernel[^/=]*\.json)$")
"""Matches the argument that names the connection file of a kernel that a server started."""
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh"})
_SHELL_SYNTAX = re.compile(r"[;&|<>()`$\n*?~\\#!]")
"""Matches what makes a shell script more than one simple command."""
_UNSURE_STARTERS = frozenset(
    {
        "ssh", "mosh", "rsh", "docker", "podman", "nerdctl", "singularity", "apptainer",
        "kubectl", "oc", "srun", "sbatch", "salloc", "qsub", "qrsh", "bsub", "lxc", "incus",
        "nsenter", "chroot", "bwrap", "unshare", "flatpak", "snap", "machinectl",
        "systemd-nspawn", "systemd-run", "sudo", "su", "doas", "runuser", "wsl", "uv", "uvx",
        "pipx", "pixi", "hatch", "pipenv",
    }
)  # fmt: skip
"""Programs that start Python on another machine, in a container or as another user, or that
change the environment first."""
_NOTEBOOK_RUNNERS = frozenset(
    {
        "papermill", "nbconvert", "execute", "run", "jupyter-nbconvert", "jupyter-execute",
        "jupyter-run", "pytest", "py.test",
    }
)  # fmt: skip
"""Programs and subcommands that execute the notebooks in their command."""
_OUTPUT_OPTIONS = frozenset({"--output", "--output-dir"})


def kernel_start(words: Sequence[str]) -> int | None:
    """Return the position of the `-m` or `-c` with which Python starts a kernel; None if unsure.

    >>> kernel_start(["python", "-m", "wrapper", "/env/bin/python", "-m", "ipykernel_launcher"])
    4
    """
    for position in range(len(words) - 2, 0, -1):
        option, program = words[position], words[position + 1]
        if _RUN_OPTION.fullmatch(option):
            pattern = _KERNEL_MODULE.fullmatch if option[-1] == "m" else _KERNEL_IMPORT.search
            if pattern(program) and not _follows(words, position + 1, "install"):
                return position
    return None


def program_position(words: Sequence[str], start: int) -> int | None:
    """Return the position of the program of the option at `start`; None if there is none.

    >>> program_position(["nice", "python", "-X", "dev", "-m", "ipykernel"], 4)
    1
    """
    position = start - 1
    while position > 0:
        if words[position].startswith("-"):
            position -= 1
        elif words[position - 1] in _OPTIONS_WITH_VALUE:
            position -= 2
        else:
            break
    return position if position >= 0 and not words[position].startswith("-") else None


def starts_kernel_directly(words: Sequence[str]) -> bool:
    """Tell whether the first word of a command is the Python of a kernel: there is no wrapper.

    >>> starts_kernel_directly(["/env/bin/python", "-m", "ipykernel_launcher"])
    True
    """
    start = kernel_start(words)
    return start is not None and program_position(words, start) == 0


def with_other_program(words: Sequence[str], program: Sequence[str]) -> tuple[str, ...] | None:
    """Return a kernel's command with other options for its Python; None if unsure.

    Of a shell script only a single simple command is sure.

    >>> with_other_program(["nice", "python", "-m", "ipykernel_launcher"], ["-V"])
    ('nice', 'python', '-V')
    >>> with_other_program(["bash", "-lc", "exec python -m ipykernel"], ["-V"])
    ('bash', '-lc', 'exec python -V')
    """
    script = _script_position(words)
    if script is not None:
        if _SHELL_SYNTAX.search(words[script]):
            return None
        try:
            replaced = with_other_program(shlex.split(words[script]), program)
        except ValueError:  # a quote that is not closed
            return None
        return None if replaced is None else (*words[:script], shlex.join(replaced))
    start = kernel_start(words)
    if start is None or program_position(words, start) is None:
        return None
    return (*words[:start], *program)


def unsure_starter(words: Sequence[str]) -> str:
    """Return the program of a command that may start Python elsewhere, or change it; else "".

    >>> unsure_starter(["ssh", "host", "python", "-m", "ipykernel_launcher"])
    'ssh'
    """
    script = _script_position(words)
    if script is not None:
        words = (*words[:script], *re.split(r"[\s;&|()'\"]+", words[script]))
    start = kernel_start(words)
    names = (PurePath(word).name for word in words[:start])
    return next((name for name in names if name in _UNSURE_STARTERS), "")


def connection_file(words: Sequence[str]) -> str | None:
    """Return the connection file in a process's command, "" for a kernel that names none.

    None if the process is no kernel.

    >>> connection_file(["python", "-m", "ipykernel_launcher", "-f", "/tmp/tmpa1b2.json"])
    '/tmp/tmpa1b2.json'
    """
    for word in words[1:]:
        match = _KERNEL_FILE.search(word)
        if match:
            return match[1]
    if not _is_kernel(words):
        return None
    for position, word in enumerate(words):
        match = _CONNECTION_OPTION.fullmatch(word)
        if match:
            return match[1] or "".join(words[position + 1 : position + 2])
    return ""


def executed_notebook(words: Sequence[str]) -> str:
    """Return the notebook that a command executes, as it names it; "" if there is not only one.

    >>> executed_notebook(["python", "/env/bin/papermill", "in.ipynb", "out.ipynb"])
    'in.ipynb'
    """
    names = {PurePath(word).name for word in words}
    if not names & _NOTEBOOK_RUNNERS:
        return ""
    notebooks = [
        word
        for before, word in pairwise(words)
        if word.endswith(".ipynb") and word[0] != "-" and before not in _OUTPUT_OPTIONS
    ]
    if "papermill" in names:  # the second one is its output
        del notebooks[1:]
    return notebooks[0] if len(notebooks) == 1 else ""


def _is_kernel(words: Sequence[str]) -> bool:
    if kernel_start(words) is not None:
        return True
    # What Python runs: the word after `-m`, or the script.
    position = next((n for n, word in enumerate(words) if n and word[:1] != "-"), None)
    if position is None:
        return False
    name = words[position]
    if words[position - 1] == "-m":
        is_kernel = "kernel" in name.lower() and not _follows(words, position, "install")
        return is_kernel or _ENGINE.fullmatch(name) is not None
    script = PurePath(name).name
    is_ipython = script.startswith("ipython") and _follows(words, position, "kernel")
    return is_ipython or any(p.fullmatch(script) for p in (_KERNEL_SCRIPT, _ENGINE))


def _script_position(words: Sequence[str]) -> int | None:
    """Return the position of the script after `-c` of a shell; None if there is none."""
    for shell, word in enumerate(words):
        if PurePath(word).name in _SHELLS:
            position, has_script = shell + 1, False
            while position < len(words) and words[position].startswith("-"):
                has_script |= "c" in words[position] and not words[position].startswith("--")
                position += 1
            return position if has_script and position < len(words) else None
    return None


def _follows(words: Sequence[str], position: int, word: str) -> bool:
    return position + 1 < len(words) and words[position + 1] == word
