"""The file `pkgwidgets.toml` of an environment, which people may edit and commit."""

from __future__ import annotations

from pathlib import Path

from pkgwidgets.backends.store import filesystem
from pkgwidgets.backends.store.journal_file import as_disk_failed
from pkgwidgets.backends.worker import initiator
from pkgwidgets.core.errors import PolicyUnreadable
from pkgwidgets.core.policy import NO_POLICY, POLICY_FILE, Policy
from pkgwidgets.core.policy_text import parse_policy

_MAX_BYTES = 1 << 20
"""A file that people edit is never longer; a longer one is not read."""


class PolicyFile:
    """The file of one environment, by its root folder."""

    def __init__(self, prefix: Path) -> None:
        self.path = prefix / POLICY_FILE

    def policy(self) -> Policy:
        """Read the file; a missing one is empty. Raises `PolicyUnreadable`."""
        text = self.text()
        return parse_policy(text, self.path) if text.strip() else NO_POLICY

    def text(self) -> str:
        """Return the text of the file; "" if it is missing. Raises `PolicyUnreadable`."""
        try:
            with self.path.open("rb") as file:
                data = file.read(_MAX_BYTES + 1)
        except FileNotFoundError:
            return ""
        except OSError as error:
            reason = filesystem.os_error_text(error)
            raise PolicyUnreadable(self.path, 0, reason) from error
        if len(data) > _MAX_BYTES:
            raise PolicyUnreadable(self.path, 0, "it has more than 1 MB")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            raise PolicyUnreadable(self.path, line, "it is not UTF-8 text") from error

    def write(self, text: str) -> None:
        """Replace the whole file, durably and in one step; of a link, the file that it names.

        Raises `DiskFailed`.
        """
        with as_disk_failed(""):
            filesystem.write_whole(self.path.resolve(), text.encode())

    def requester(self) -> str:
        """Return the user who requests a hold, by the name in Jupyter if there is one."""
        return initiator.requester()
