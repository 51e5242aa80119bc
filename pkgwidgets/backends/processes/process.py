"""The only module that starts a process."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import IO, Any

from pkgwidgets.core.errors import EnvironmentRefused
from pkgwidgets.core.redaction import redact

from .account import OWN_ACCOUNT, Account

_INHERITED_VARIABLES = {
    "ALL_PROXY", "APPDATA", "COMSPEC", "DBUS_SESSION_BUS_ADDRESS", "HOME", "HTTPS_PROXY",
    "HTTP_PROXY", "LANG", "LOCALAPPDATA", "NETRC", "NO_PROXY", "PATH", "PATHEXT",
    "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR",
    "USERPROFILE", "LD_LIBRARY_PATH",
}  # fmt: skip
_INHERITED_PREFIXES = ("LC_", "XDG_", "UV_INDEX")
_INHERITED_UV_VARIABLES = {
    "UV_CACHE_DIR", "UV_CONFIG_FILE", "UV_DEFAULT_INDEX", "UV_EXCLUDE_NEWER", "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS", "UV_HTTP_RETRIES", "UV_HTTP_TIMEOUT", "UV_INSECURE_HOST",
    "UV_KEYRING_PROVIDER", "UV_LINK_MODE", "UV_NATIVE_TLS", "UV_NO_CONFIG", "UV_OFFLINE",
    "UV_PROJECT", "UV_SYSTEM_CERTS", "UV_WORKING_DIR",
}  # fmt: skip
_REDIRECTING_PREFIXES = ("PYTHON", "PIP_", "UV_", "JPY_", "PKGWIDGETS_", "COVERAGE_")
_SECRET_NAME = re.compile(
    r"(?i)token|secret|passw|passphrase|credential|auth|cookie|signature|apikey|(?:^|_)(key|pat|pwd)s?(?:_|$)"
)
"""Names of variables whose values are probably credentials."""
_NO_SECRETS = {"PWD", "XAUTHORITY"}
_TICK_SECONDS = 0.05
"""The time between two checks of a running process."""
_MAX_LINES_BYTES = 1 << 16
"""Of a child's output, what one tick reads at most."""
_PDEATHSIG = 1
"""`PR_SET_PDEATHSIG` of prctl(2)."""
_parent_death_hooks: list[Callable[[], None]] = []
"""After `daemonize`: the hook that makes the system kill children when this process ends."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CompletedProcess:
    """The output of a process; `returncode` is negative for a signal, None after a timeout."""

    argv: tuple[str, ...]
    returncode: int | None
    stdout: str
    stderr: str


def this_python() -> Path:
    """Return the interpreter of this process, which a program that embeds Python may not know.

    Raises `EnvironmentRefused`.
    """
    if not sys.executable:
        reason = "This program embeds Python, so its interpreter is unknown (sys.executable)"
        raise EnvironmentRefused(Path(), reason, usable=False)
    return Path(sys.executable)


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables for a child, without those that redirect an installation.

    `PIP_TARGET`, `UV_SYSTEM_PYTHON`, `VIRTUAL_ENV`, `PYTHONPATH` and the like are left out.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name.upper() in _INHERITED_VARIABLES
        or name in _INHERITED_UV_VARIABLES
        or name.upper().startswith(_INHERITED_PREFIXES)
    }
    return {**inherited, "NO_COLOR": "1", **(extra or {})}


def program_environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables for a program of the user, without credentials.

    Those of this process, or the given ones of another. Variables of Python, of installers and of
    one kernel are left out, too: they lead to other places.
    """
    source = os.environ if variables is None else variables
    kept = {name: value for name, value in source.items() if _is_for_programs(name, value)}
    return {**clean_environment(), **kept}


def _is_for_programs(name: str, value: str) -> bool:
    if name.upper().startswith(_REDIRECTING_PREFIXES):
        return False
    is_secret = _SECRET_NAME.search(name) is not None and name not in _NO_SECRETS
    return not is_secret and redact(f"{name}={value}") == f"{name}={value}"


def run(
    argv: Sequence[str],
    *,
    stdin: str = "",
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float | None = None,
    tick: Callable[[], None] = lambda: None,
    on_line: Callable[[str], None] | None = None,
    keep: Sequence[int] = (),
    grace_seconds: float = 3.0,
    account: Account = OWN_ACCOUNT,
) -> CompletedProcess:
    """Run a process to its end in its own session, and call `tick` about 20 times a second.

    An interrupt of the kernel must not stop an installation, so the process has its own session.
    If `tick` raises, or an interrupt arrives here, the whole process group is ended before the
    exception propagates: SIGTERM first, SIGKILL after `grace_seconds`. Output goes to files, so no
    pipe can fill up. `on_line` gets the lines of the standard output while the process runs; the
    last ones may be missing. `keep` are descriptors that the process inherits. `timeout` is in
    seconds. The process works as `account`; for another user it starts in the root folder without a
    `cwd`.
    Raises OSError if the process cannot be started.
    """
    with (
        tempfile.TemporaryFile() as input_file,
        tempfile.TemporaryFile() as output_file,
        tempfile.TemporaryFile() as error_file,
    ):
        input_file.write(stdin.encode())
        input_file.seek(0)
        variables = dict(environment) if environment is not None else clean_environment()
        if cwd is None:
            cwd = _find_working_folder() if account.user is None else Path("/")
        child = subprocess.Popen(
            [os.fspath(arg) for arg in argv],
            stdin=input_file,
            stdout=output_file,
            stderr=error_file,
            cwd=cwd,
            env=variables | account.variables,
            start_new_session=True,
            pass_fds=tuple(keep),
            user=account.user,
            group=account.group,
            extra_groups=account.groups,
            umask=account.umask,
            # Safe: it is set only by `daemonize`, whose process has one thread.
            preexec_fn=_parent_death_hooks[0] if _parent_death_hooks else None,
        )
        try:
            returncode = _wait(child, timeout, _tick_with_lines(output_file, on_line, tick))
        finally:
            _terminate(child, grace_seconds)
        return CompletedProcess(
            argv=tuple(argv),
            returncode=returncode,
            stdout=_read(output_file),
            stderr=_read(error_file),
        )


class DetachedProcess:
    """A process that outlives this one; its output can be read until it closes it."""

    def __init__(
        self, child: subprocess.Popen[bytes], output: IO[bytes], errors: IO[bytes]
    ) -> None:
        self._child = child
        self._output = output
        self._errors = errors

    def line(self) -> str:
        """Wait for the next line of output; return "" at its end."""
        return self._output.readline().decode("utf-8", "replace").strip()

    def last_words(self) -> str:
        """Return the end of its standard error."""
        return _read(self._errors).strip()[-2000:]

    def detach(self) -> None:
        """Close its output and wait for the started process, which has forked: see `daemonize`."""
        self._output.close()
        self._child.wait()
        self._errors.close()


def start(argv: Sequence[str], *, stdin: str, cwd: Path) -> DetachedProcess:
    """Start a process that outlives this one, in its own session, and write its input.

    If this process ends before all input is written, the new one must detect truncated input.
    Raises OSError if the process cannot be started.
    """
    child_input, input_writer = os.pipe()
    output_reader, child_output = os.pipe()
    error_file = tempfile.TemporaryFile()  # noqa: SIM115 - `detach` closes it
    try:
        child = subprocess.Popen(
            [os.fspath(arg) for arg in argv],
            stdin=child_input,
            stdout=child_output,
            stderr=error_file,
            cwd=cwd,
            env=clean_environment(),
            start_new_session=True,
        )
    except BaseException:
        os.close(input_writer)
        os.close(output_reader)
        error_file.close()
        raise
    finally:
        os.close(child_input)
        os.close(child_output)
    started = DetachedProcess(child, os.fdopen(output_reader, "rb"), error_file)
    with suppress(BrokenPipeError), os.fdopen(input_writer, "wb") as stream:
        stream.write(stdin.encode())
    return started


def remote_call(
    argv: Sequence[str], stdin: str, seconds: float
) -> tuple[Callable[..., Coroutine[Any, Any, Any]], tuple[Any, ...], dict[str, Any]]:
    """Return a function and its arguments with which another machine runs a process.

    All are of the standard library, so that they can be sent by name. The process has its own
    session and outlives the one that runs it. The function raises `subprocess.TimeoutExpired`
    after `seconds`; what was started may go on.
    """
    import asyncio  # late: it takes longer to import than all else here

    options = {
        "input": stdin,
        "capture_output": True,
        "text": True,
        "timeout": seconds,
        "start_new_session": True,
        "cwd": "/",
    }
    return asyncio.to_thread, (subprocess.run, list(argv)), options


def daemonize() -> None:
    """Detach from the parent, start a session, and ignore SIGINT and SIGHUP.

    A kernel that shuts down ends its children: this process is no longer one of them. On Linux,
    children started from now on are killed when this process ends. So none of them writes while
    another process recovers.
    """
    if os.fork():
        os._exit(0)
    os.setsid()
    for number in (signal.SIGINT, signal.SIGHUP):
        # A handler, because installers and import checks would inherit SIG_IGN.
        signal.signal(number, lambda *_: None)
    _parent_death_hooks[:] = _make_parent_death_hooks()


def _make_parent_death_hooks() -> list[Callable[[], None]]:
    """Return the hook that makes Linux kill a child when this process ends; else an empty list."""
    import ctypes

    library = ctypes.CDLL(None)
    if not hasattr(library, "prctl"):
        return []
    parent = os.getpid()

    def set_death_signal() -> None:
        library.prctl(_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent ended before the signal was set
            os._exit(1)

    return [set_death_signal]


def close_stdio(*, with_errors: bool = False) -> None:
    """Close standard input and output: the process that started this one may be gone."""
    null_device = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2) if with_errors else (0, 1):
        os.dup2(null_device, descriptor)
    os.close(null_device)


def _find_working_folder() -> Path | None:
    """Return None for the current folder, or the temporary folder if that was deleted."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return Path(tempfile.gettempdir())
    return None


def _tick_with_lines(
    output: IO[bytes], on_line: Callable[[str], None] | None, tick: Callable[[], None]
) -> Callable[[], None]:
    """Return a tick that passes on the new lines of a file that a child writes."""
    if on_line is None:
        return tick
    position = 0

    def tick_with_lines() -> None:
        nonlocal position
        # Not `read`: it would move the position at which the child writes.
        data = os.pread(output.fileno(), _MAX_LINES_BYTES, position)
        complete = data[: data.rfind(b"\n") + 1]
        position += len(complete) or (len(data) if len(data) == _MAX_LINES_BYTES else 0)
        for line in complete.splitlines():
            on_line(line.decode("utf-8", "replace"))
        tick()

    return tick_with_lines


def _wait(
    child: subprocess.Popen[bytes], timeout: float | None, tick: Callable[[], None]
) -> int | None:
    deadline = None if timeout is None else monotonic() + timeout
    with _end_watch(child) as wait_for_end:
        while True:
            tick()
            wait_for_end(_TICK_SECONDS)
            returncode = child.poll()
            if returncode is not None:
                return returncode
            if deadline is not None and monotonic() > deadline:
                return None


@contextmanager
def _end_watch(child: subprocess.Popen[bytes]) -> Iterator[Callable[[float], object]]:
    """Yield a function that waits for the end of a child, at most so many seconds.

    Linux tells the end at once (pidfd_open(2)); elsewhere `subprocess` looks again and again.
    """

    def wait_and_look(seconds: float) -> None:
        with suppress(subprocess.TimeoutExpired):
            child.wait(seconds)

    try:
        descriptor = os.pidfd_open(child.pid)
    except (AttributeError, OSError):
        yield wait_and_look
        return
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    try:
        yield lambda seconds: poll.poll(seconds * 1000)
    finally:
        os.close(descriptor)


def _terminate(child: subprocess.Popen[bytes], grace_seconds: float) -> None:
    """End the child's process group; do nothing if the child has ended already.

    Send SIGTERM, and SIGKILL to the group after `grace_seconds`. A second interrupt only shortens
    the wait.
    """
    if child.poll() is not None:
        return
    try:
        _signal_group(child, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            child.wait(grace_seconds)
    finally:
        _signal_group(child, signal.SIGKILL)
        child.wait()


def _signal_group(child: subprocess.Popen[bytes], signum: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signum)


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")
