"""A model of power cuts: it traces file operations and yields every disk they may leave.

The model is a weak file system. A file's content is durable after an fsync of the file, its name
after an fsync of the folder. Each operation that is not durable yet may be lost, alone and in any
order. Names and contents are separate, so that a link keeps its content.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pkgwidgets.backends.store import filesystem


@dataclass(frozen=True)
class Node:
    """A file, folder or link."""

    kind: str
    data: bytes = b""
    mode: int = 0o644


@dataclass
class Image:
    """A disk: names to numbers, numbers to nodes."""

    names: dict[str, int] = field(default_factory=dict)
    nodes: dict[int, Node] = field(default_factory=dict)

    @classmethod
    def of(cls, prefix: Path) -> Image:
        """Read a folder; hard links have one number."""
        image = cls()
        for path in (prefix, *prefix.rglob("*")):
            status = path.lstat()
            mode = stat.S_IMODE(status.st_mode)
            if stat.S_ISLNK(status.st_mode):
                node = Node("link", os.fsencode(path.readlink()))
            elif stat.S_ISDIR(status.st_mode):
                node = Node("folder", mode=mode)
            else:
                node = Node("file", path.read_bytes(), mode)
            image.names[str(path)] = status.st_ino
            image.nodes[status.st_ino] = node
        return image

    def copy(self) -> Image:
        return Image(dict(self.names), dict(self.nodes))

    def materialise(self, source: Path, target: Path) -> None:
        """Make the disk in a folder that does not exist yet."""
        made: dict[int, Path] = {}
        for name in sorted(self.names):
            if Path(name) != source and str(Path(name).parent) not in self.names:
                continue  # what has lost its folder is lost
            path, node = target / Path(name).relative_to(source), self.nodes[self.names[name]]
            if not path.parent.is_dir() and path != target:
                continue
            if node.kind == "folder":
                path.mkdir()
                path.chmod(node.mode)
            elif node.kind == "link":
                path.symlink_to(os.fsdecode(node.data))
            elif self.names[name] in made:
                path.hardlink_to(made[self.names[name]])
            else:
                path.write_bytes(node.data)
                path.chmod(node.mode)
                made[self.names[name]] = path

    @property
    def key(self) -> object:
        return tuple(
            sorted((name, number, self.nodes[number]) for name, number in self.names.items())
        )


@dataclass(frozen=True)
class Operation:
    """One operation: what it does to a disk, and what makes it durable.

    It is durable after an fsync of the content with the number `content`, or of `folder`. In a
    sync, these name what is synced; `everything` marks the sync of all.
    """

    what: str
    apply: Callable[[Image], None] = lambda image: None
    content: int | None = None
    folder: str | None = None
    sync: bool = False
    everything: bool = False


class Trace:
    """The operations since it began, and what the disk is now."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.first = Image.of(prefix)
        self.operations: list[Operation] = []
        self.markers: dict[str, int] = {}
        self._now = self.first.copy()
        self._number = 1 << 60

    def mark(self, name: str) -> None:
        """Remember how many operations there have been."""
        self.markers[name] = len(self.operations)

    def _do(self, what: str, apply: Callable[[Image], None], **more: Any) -> None:
        apply(self._now)
        self.operations.append(Operation(what, apply, **more))

    def _new(self, path: Path, node: Node) -> int:
        self._number += 1
        number, name = self._number, str(path)

        def apply(image: Image) -> None:
            image.nodes.setdefault(number, node)
            image.names[name] = number

        self._do(f"make {path.name}", apply, folder=str(path.parent))
        return number

    def _content(self, number: int, change: Callable[[Node], Node], what: str) -> None:
        def apply(image: Image) -> None:
            if number in image.nodes:
                image.nodes[number] = change(image.nodes[number])

        self._do(what, apply, content=number)

    def opened(self, path: Path, *, anew: bool) -> None:
        number = self._now.names.get(str(path))
        if number is None:
            self._new(path, Node("file", mode=0o600))
        elif anew:
            self._content(number, lambda node: replace(node, data=b""), f"empty {path.name}")

    def write(self, file: filesystem.OpenFile, data: bytes) -> None:
        number = self._now.names[str(file.path)]
        self._content(
            number, lambda node: replace(node, data=node.data + data), f"write {file.path.name}"
        )

    def allocate(self, file: filesystem.OpenFile, size: int) -> None:
        number = self._now.names[str(file.path)]
        self._content(number, lambda node: replace(node, data=bytes(size)), "allocate")

    def set_mode(self, path: Path, mode: int) -> None:
        self._content(
            self._now.names[str(path)], lambda node: replace(node, mode=mode), f"mode {path.name}"
        )

    def sync(self, path: Path) -> None:
        number = self._now.names[str(path)]
        self.operations.append(
            Operation(f"sync {path.name}", content=number, folder=str(path), sync=True)
        )

    def sync_all(self) -> None:
        self.operations.append(Operation("sync all", sync=True, everything=True))

    def make_folder(self, path: Path, mode: int) -> None:
        self._new(path, Node("folder", mode=mode))

    def remove(self, path: Path) -> None:
        name = str(path)
        if name in self._now.names:
            self._do(
                f"remove {path.name}",
                lambda image: drop(image, name),
                folder=str(path.parent),
            )

    def rename(self, source: Path, target: Path) -> None:
        old, new = str(source), str(target)

        def apply(image: Image) -> None:
            if old in image.names:
                inside = [name for name in image.names if name.startswith(f"{old}/")]
                for name in (old, *inside):
                    image.names[new + name.removeprefix(old)] = image.names.pop(name)

        self._do(f"rename {source.name} {target.name}", apply, folder=str(target.parent))

    def link(self, source: Path, target: Path) -> None:
        number, name = self._now.names[str(source)], str(target)

        def apply(image: Image) -> None:
            if number in image.nodes:
                image.names[name] = number

        self._do(f"link {target.name}", apply, folder=str(target.parent))

    def copy(self, source: Path, target: Path) -> None:
        node = self._now.nodes[self._now.names[str(source)]]
        number = self._new(target, Node("file"))
        self._content(number, lambda new: node, f"copy {target.name}")

    def link_to(self, text: Path, path: Path) -> None:
        self._new(path, Node("link", os.fsencode(text)))


def drop(image: Image, name: str) -> None:
    """Remove a name; for a folder, what is in it, too."""
    number = image.names.get(name)
    if number is None:
        return
    if image.nodes[number].kind == "folder":
        for other in [inner for inner in image.names if inner.startswith(f"{name}/")]:
            del image.names[other]
    del image.names[name]


@contextmanager
def traced(prefix: Path) -> Iterator[Trace]:
    """Trace what is done through `store.filesystem` and by `os.sync`; nothing is really synced."""
    trace = Trace(prefix)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        patch.setattr(os, "sync", trace.sync_all)
        real_open = filesystem.opened

        @contextmanager
        def opened(path: Path, *, anew: bool = False) -> Iterator[filesystem.OpenFile]:
            with real_open(path, anew=anew) as file:
                trace.opened(path, anew=anew)
                yield file

        patch.setattr(filesystem, "opened", opened)
        _after(patch, "write", trace.write)
        _after(patch, "allocate", trace.allocate)
        _after(patch, "sync", lambda file: trace.sync(file.path))
        _after(patch, "sync_path", trace.sync)
        _after(patch, "make_folder", lambda path: trace.make_folder(path, 0o755))
        _after(patch, "remove_folder", trace.remove)
        _after(patch, "remove", trace.remove)
        _after(patch, "replace", trace.rename)
        _after(patch, "link", trace.link)
        _after(patch, "link_to", trace.link_to)
        _after(patch, "copy", trace.copy)
        _after(patch, "set_mode", trace.set_mode)
        yield trace


def _after(patch: pytest.MonkeyPatch, name: str, note: Callable[..., None]) -> None:
    """Note an operation that has succeeded."""
    function = getattr(filesystem, name)

    def called(*args: Any, **more: Any) -> None:
        function(*args, **more)
        note(*(Path(arg) if isinstance(arg, str) else arg for arg in args), **more)

    patch.setattr(filesystem, name, called)


def durable(operations: list[Operation]) -> list[bool]:
    """Tell of each operation whether one that follows has made it durable."""
    contents: set[int | None] = set()
    folders: set[str | None] = set()
    everything = False
    results = []
    for operation in reversed(operations):
        if operation.sync:
            everything = everything or operation.everything
            contents.add(operation.content)
            folders.add(operation.folder)
        known = operation.content in contents if operation.content else operation.folder in folders
        results.append(everything or operation.sync or known)
    return results[::-1]


def crashes(trace: Trace) -> Iterator[tuple[int, str, Image]]:
    """Yield every disk that a power cut may leave: how many operations, which were lost, the disk.

    After each operation: nothing lost, everything lost that may be, each one of these alone; and
    half of a write that was the last.
    """
    for count in range(len(trace.operations) + 1):
        done = trace.operations[:count]
        kept = durable(done)
        loose = [number for number, known in enumerate(kept) if not known]
        yield count, "nothing", _after_all(trace, done, ())
        if loose:
            yield count, "everything", _after_all(trace, done, loose)
        for number in loose if len(loose) > 1 else ():
            yield count, done[number].what, _after_all(trace, done, (number,))
        if done and done[-1].what.startswith("write "):
            yield count, "half", _torn(_after_all(trace, done[:-1], ()), done[-1])


def _after_all(trace: Trace, done: list[Operation], lost: Any) -> Image:
    image, gone = trace.first.copy(), set(lost)
    for number, operation in enumerate(done):
        if number not in gone:
            operation.apply(image)
    return image


def _torn(image: Image, write: Operation) -> Image:
    number = write.content
    if number is None or number not in image.nodes:
        return image
    before = image.nodes[number].data
    write.apply(image)
    whole = image.nodes[number].data
    image.nodes[number] = replace(
        image.nodes[number], data=whole[: len(before) + (len(whole) - len(before)) // 2]
    )
    return image
