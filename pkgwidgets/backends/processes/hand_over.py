"""Hand the standard input to a process that waits for it, and print what it answers.

`python -I -S hand_over.py FOLDER KEY`. Standard library only, because it must start quickly: the
process that waits has loaded everything. `waiting.py` is the other side.
"""

from __future__ import annotations

import os
import socket
import struct
import sys

NAME = "waiting"
"""The name of the socket in the folder."""
TAKEN = b"+"
"""The first byte of an answer: the request will be read."""
NOT_TAKEN = 75
"""The exit code if no process waits for this key: nothing was handed over."""
_TAKEN_SECONDS = 5.0
_CHUNK_BYTES = 1 << 16
_CREDENTIALS = struct.Struct("3i")
"""The process, the user and the group (`struct ucred`, unix(7))."""


def main() -> int:
    """Return the exit code; 1 if the other process ended without an answer."""
    folder, key = sys.argv[1:]
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.settimeout(_TAKEN_SECONDS)
            os.chdir(folder)  # the path of a socket has 107 bytes at most
            connection.connect(NAME)
            connection.sendall(f"{key}\n".encode())
            if _user_of(connection) != os.geteuid() or connection.recv(1) != TAKEN:
                return NOT_TAKEN
        except OSError:
            return NOT_TAKEN
        connection.settimeout(None)
        connection.sendall(sys.stdin.buffer.read())
        connection.shutdown(socket.SHUT_WR)
        has_answer = False
        while data := connection.recv(_CHUNK_BYTES):
            sys.stdout.buffer.write(data)
            has_answer = True
    return 0 if has_answer else 1


def _user_of(connection: socket.socket) -> int:
    """Return the user whose process waits: another one must not get the request."""
    if not hasattr(socket, "SO_PEERCRED"):  # not Linux
        return os.lstat(NAME).st_uid
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[1])


if __name__ == "__main__":
    sys.exit(main())
