"""The account of a child process: root changes an environment as its owner."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from pkgwidgets.backends.store import ownership


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """The user, group and umask of a child process; by default those of this process."""

    user: int | None = None
    group: int | None = None
    umask: int = -1

    @classmethod
    def of_environment(cls, prefix: Path) -> Account:
        """Return the account with which programs change an environment.

        For root that is the owner of the environment. If the group may write to the environment,
        it may write to all that the programs make.
        """
        try:
            owner, mode = ownership.owner_to_work_as(prefix), prefix.stat().st_mode
        except OSError:  # the environment was deleted
            return cls()
        umask = 0o777 & ~mode & 0o077
        if owner is not None:
            return cls(user=owner[0], group=owner[1], umask=umask)
        return cls(umask=umask) if mode & stat.S_IWGRP else cls()

    @property
    def groups(self) -> list[int] | None:
        """The other groups of the user; None for those of this process."""
        if self.user is None or self.group is None:
            return None
        try:
            return os.getgrouplist(pwd.getpwuid(self.user).pw_name, self.group)
        except KeyError:  # a user without a name, as in many containers
            return []

    @property
    def variables(self) -> dict[str, str]:
        """The variables that differ for the user."""
        if self.user is None:
            return {}
        try:
            return {"HOME": pwd.getpwuid(self.user).pw_dir}
        except KeyError:
            return {"HOME": "/"}

    def may_run(self, program: Path) -> bool:
        """Return whether the user can reach a program and run it, by the modes of its folders."""
        resolved = program.resolve()
        return self.user is None or all(map(self._may_enter, (resolved, *resolved.parents)))

    def give(self, folder: Path) -> None:
        """Give a folder of this process, and all in it, to the user."""
        if self.user is None or self.group is None:
            return
        for path in (folder, *folder.rglob("*")):
            os.chown(path, self.user, self.group, follow_symlinks=False)

    def _may_enter(self, path: Path) -> bool:
        status = path.stat()
        if status.st_uid == self.user:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid in {self.group, *(self.groups or ())}:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


OWN_ACCOUNT = Account()
"""The account of this process."""
