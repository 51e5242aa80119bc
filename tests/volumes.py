"""Small volumes for tests: they are mounted, which needs root, and always unmounted again."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def mounted(*words: str) -> Iterator[None]:
    """Run `mount` with these words, of which the last is the folder; unmount it at the end."""
    subprocess.run(["mount", *words], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", words[-1]], check=True)


@contextmanager
def small_volume(folder: Path, *, megabytes: int = 64, files: int = 0) -> Iterator[None]:
    """Put a folder with its content on a volume in memory of this size, with so many inodes."""
    options = f"size={megabytes}m,mode=755" + (f",nr_inodes={files}" if files else "")
    kept = folder.with_name(f"{folder.name}-kept")
    shutil.copytree(folder, kept, symlinks=True)
    try:
        with mounted("-t", "tmpfs", "-o", options, "tmpfs", str(folder)):
            shutil.copytree(kept, folder, symlinks=True, dirs_exist_ok=True)
            yield
    finally:
        shutil.rmtree(kept)


@contextmanager
def overlay(folder: Path, upper_disk: Path, *, megabytes: int = 64) -> Iterator[None]:
    """Make a folder the lower layer of an overlay, as a container's image is."""
    upper_disk.mkdir()
    with small_volume(upper_disk, megabytes=megabytes):
        for name in ("upper", "work"):
            (upper_disk / name).mkdir()
        layers = f"lowerdir={folder},upperdir={upper_disk}/upper,workdir={upper_disk}/work"
        with mounted("-t", "overlay", "-o", layers, "overlay", str(folder)):
            yield


def fill(folder: Path) -> Path:
    """Fill the disk of a folder with one file; return it."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2
    return filler
