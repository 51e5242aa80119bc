"""Wait for one more request: a process that has loaded and read much need not do it again.

The request comes through a socket in a folder; only this user may connect to it. `hand_over.py`
sends the request, and tells if no process waits.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from contextlib import chdir, suppress
from pathlib import Path
from time import monotonic

from pkgwidgets.backends.store import filesystem

from . import hand_over

_ONLY_OWNER = 0o177
"""The mask of a socket that no other user may connect to."""
_LOOK_SECONDS = 0.5
"""The time between two looks whether the request is still wanted."""
_KEY_SECONDS = 2.0
"""How long a sender may take to name its key: meanwhile no other one is heard."""
_RECEIVE_SECONDS = 30.0
_CHUNK_BYTES = 1 << 16


class WaitingPlace:
    """The place at which this process waits for one request, in a folder of its own user.

    `key` names what it waits for: a request with another key is not taken. A process that begins to
    wait in the same folder takes the place over. Raises OSError if the folder can have no socket.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = folder
        self._key = key
        self._socket = _listen(folder)
        self._identity = _identity(folder / hand_over.NAME)

    @property
    def command(self) -> list[str]:
        """The command that hands its standard input over and prints the answer.

        It ends with the code `hand_over.NOT_TAKEN` if this process no longer waits.
        """
        script = str(Path(hand_over.__file__))
        return [sys.executable, "-I", "-S", script, str(self._folder), self._key]

    def answer_one(
        self, answer: Callable[[str], str], seconds: float, is_wanted: Callable[[], bool]
    ) -> bool:
        """Answer the first request; return whether one came.

        Wait at most `seconds`, and only while `is_wanted`. Then the socket is removed.
        """
        deadline = monotonic() + seconds
        self._socket.settimeout(_LOOK_SECONDS)
        try:
            while self._identity is not None and monotonic() < deadline and is_wanted():
                received = self._accept()
                if received is not None:
                    self.close()
                    connection, request = received
                    with connection:
                        _send(connection, answer(request))
                    return True
        finally:
            self.close()
        return False

    def close(self) -> None:
        """Take no request from now on. Idempotent."""
        place = self._folder / hand_over.NAME
        with suppress(OSError):
            if self._identity is not None and _identity(place) == self._identity:
                filesystem.remove(place)  # else another process waits there
        # Closed after that: until then no other file has the number of this socket.
        self._identity = None
        self._socket.close()

    def _accept(self) -> tuple[socket.socket, str] | None:
        """Return the next request and its connection; None if none came, or its sender is gone."""
        try:
            connection, _ = self._socket.accept()
        except TimeoutError:
            return None
        except OSError:  # such as too many open files: a new process takes the request
            self.close()
            return None
        with suppress(OSError, ValueError):
            request = self._receive(connection)
            if request is not None:
                return connection, request
        connection.close()
        return None

    def _receive(self, connection: socket.socket) -> str | None:
        """Return a request that is complete; None for one with another key."""
        connection.settimeout(_KEY_SECONDS)
        with connection.makefile("rb") as stream:
            if stream.readline(len(self._key) + 2).decode() != f"{self._key}\n":
                return None
            connection.sendall(hand_over.TAKEN)
            connection.settimeout(_RECEIVE_SECONDS)
            return stream.read().decode() or None


def _listen(folder: Path) -> socket.socket:
    filesystem.make_folders(folder, is_data=True)
    place = folder / hand_over.NAME
    if filesystem.find(place) is not None:
        filesystem.remove(place)
    listening = socket.socket(socket.AF_UNIX)
    mask = os.umask(_ONLY_OWNER)
    try:
        with chdir(folder):  # the path of a socket has 107 bytes at most
            listening.bind(hand_over.NAME)
        listening.listen()
    except BaseException:
        listening.close()
        raise
    finally:
        os.umask(mask)
    return listening


def _identity(path: Path) -> tuple[int, int] | None:
    status = filesystem.find(path)
    return None if status is None else (status.st_dev, status.st_ino)


def _send(connection: socket.socket, text: str) -> None:
    with suppress(OSError):  # who asked is gone; what was done stays
        connection.settimeout(_RECEIVE_SECONDS)
        connection.sendall(text.encode())
