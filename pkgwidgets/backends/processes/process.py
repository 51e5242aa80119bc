"""The only module that starts a process."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import IO

_KEPT = {
    "ALL_PROXY", "APPDATA", "COMSPEC", "DBUS_SESSION_BUS_ADDRESS", "HOME", "HTTPS_PROXY",
    "HTTP_PROXY", "LANG", "LOCALAPPDATA", "NETRC", "NO_PROXY", "PATH", "PATHEXT",
    "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR",
    "USERPROFILE", "LD_LIBRARY_PATH",
}  # fmt: skip
_KEPT_PREFIXES = ("LC_", "XDG_", "UV_INDEX")
_KEPT_OF_UV = {
    "UV_CACHE_DIR", "UV_CONFIG_FILE", "UV_DEFAULT_INDEX", "UV_EXCLUDE_NEWER", "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS", "UV_HTTP_RETRIES", "UV_HTTP_TIMEOUT", "UV_INSECURE_HOST",
    "UV_KEYRING_PROVIDER", "UV_LINK_MODE", "UV_NATIVE_TLS", "UV_NO_CONFIG", "UV_OFFLINE",
    "UV_SYSTEM_CERTS",
}  # fmt: skip
_TICK_SECONDS = 0.05
"""Between two looks at a running process."""
_PDEATHSIG = 1
"""`PR_SET_PDEATHSIG` of prctl(2)."""
_die_with_parent: list[Callable[[], None]] = []
"""What ties a child's life to ours, where we went alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CompletedProcess:
    """What a process said. `returncode` is negative for a signal, None when the time was up."""

    argv: tuple[str, ...]
    returncode: int | None
    stdout: str
    stderr: str


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables that a child may see: none that would redirect where it installs.

    `PIP_TARGET`, `UV_SYSTEM_PYTHON`, `VIRTUAL_ENV`, `PYTHONPATH` and their like are left out.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.upper() in _KEPT or name in _KEPT_OF_UV or name.upper().startswith(_KEPT_PREFIXES)
    }
    return {**kept, "NO_COLOR": "1", **(extra or {})}


def run(
    argv: Sequence[str],
    *,
    stdin: str = "",
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float | None = None,
    tick: Callable[[], None] = lambda: None,
    keep: Sequence[int] = (),
    grace_seconds: float = 3.0,
) -> CompletedProcess:
    """Run a process to its end in a session of its own, calling `tick` about 20 times a second.

    Its own session: an interrupt meant for the kernel must not tear an installation. If `tick`
    raises, or the interrupt reaches us, the whole group has ended before the exception leaves.
    Output goes to files, so that no pipe can fill up. `keep` are descriptors that it inherits.
    It has `grace_seconds` to end by itself when it is told to.
    """
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        given.write(stdin.encode())
        given.seek(0)
        child = subprocess.Popen(
            [os.fspath(arg) for arg in argv],
            stdin=given,
            stdout=out,
            stderr=err,
            cwd=cwd if cwd is not None else _working_folder(),
            env=dict(environment) if environment is not None else clean_environment(),
            start_new_session=True,
            pass_fds=tuple(keep),
            # Safe where it is given: who goes alone has one thread.
            preexec_fn=_die_with_parent[0] if _die_with_parent else None,
        )
        try:
            returncode = _wait(child, timeout, tick)
        finally:
            _end(child, grace_seconds)
        return CompletedProcess(
            argv=tuple(argv), returncode=returncode, stdout=_read(out), stderr=_read(err)
        )


class DetachedProcess:
    """A process that goes its own way; it can be heard until it closes its output."""

    def __init__(self, child: subprocess.Popen[bytes], out: IO[bytes], err: IO[bytes]) -> None:
        self._child = child
        self._out = out
        self._err = err

    def line(self) -> str:
        """Wait for its next line; "" when there will be none."""
        return self._out.readline().decode("utf-8", "replace").strip()

    def last_words(self) -> str:
        """Return the last that it said on standard error."""
        return _read(self._err).strip()[-2000:]

    def leave(self) -> None:
        """Listen no longer. What was started has left us, too: see `go_alone`."""
        self._out.close()
        self._child.wait()
        self._err.close()


def start(argv: Sequence[str], *, stdin: str, cwd: Path) -> DetachedProcess:
    """Start a process that outlives us, in a session of its own, and give it its input.

    To be heard and left with `Started`. If we end before all was given, the process has to notice
    that its input is cut off.
    """
    theirs, give = os.pipe()
    hear, told = os.pipe()
    err = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it is left
    try:
        child = subprocess.Popen(
            [os.fspath(arg) for arg in argv],
            stdin=theirs,
            stdout=told,
            stderr=err,
            cwd=cwd,
            env=clean_environment(),
            start_new_session=True,
        )
    except BaseException:
        os.close(give)
        os.close(hear)
        err.close()
        raise
    finally:
        os.close(theirs)
        os.close(told)
    started = DetachedProcess(child, os.fdopen(hear, "rb"), err)
    with suppress(BrokenPipeError), os.fdopen(give, "wb") as given:
        given.write(stdin.encode())
    return started


def daemonize() -> None:
    """Become nobody's child, in a session of our own, deaf to what is meant for a terminal.

    Who lists its children to end them, as a kernel does when it shuts down, does not find us. What
    we run from now on is killed when we are: nothing goes on writing while others put back.
    """
    if os.fork():
        os._exit(0)
    os.setsid()
    for number in (signal.SIGINT, signal.SIGHUP):
        # A handler and not SIG_IGN, which installers and trials would inherit.
        signal.signal(number, lambda *_: None)
    _die_with_parent[:] = _set_parent_death_signal()


def _set_parent_death_signal() -> list[Callable[[], None]]:
    """Return what has the system kill a child when we end; nothing where it cannot (not Linux)."""
    import ctypes

    library = ctypes.CDLL(None)
    if not hasattr(library, "prctl"):
        return []
    parent = os.getpid()

    def tie() -> None:
        library.prctl(_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was killed before it could be asked for
            os._exit(1)

    return [tie]


def close_stdio() -> None:
    """Close our input and output: whoever started us hears no more, and may be gone."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def _working_folder() -> Path | None:
    """Return None for our own; another if that was deleted, as a folder under a notebook may be."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return Path(tempfile.gettempdir())
    return None


def _wait(
    child: subprocess.Popen[bytes], timeout: float | None, tick: Callable[[], None]
) -> int | None:
    until = None if timeout is None else monotonic() + timeout
    while True:
        tick()
        with suppress(subprocess.TimeoutExpired):
            return child.wait(_TICK_SECONDS)
        if until is not None and monotonic() > until:
            return None


def _end(child: subprocess.Popen[bytes], grace_seconds: float) -> None:
    """End what is left of the child's group; a no-op when it has ended by itself.

    Politely, and after a while for good, whoever of the group still lives; a second interrupt only
    shortens the while.
    """
    if child.poll() is not None:
        return
    try:
        _signal(child, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            child.wait(grace_seconds)
    finally:
        _signal(child, signal.SIGKILL)
        child.wait()


def _signal(child: subprocess.Popen[bytes], signum: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signum)


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")
