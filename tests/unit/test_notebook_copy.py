"""Which folder is copied for a notebook, what of it, and where links in the copy point."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pkgwidgets.backends.sandbox.folder_tree import CopyLimits
from pkgwidgets.backends.sandbox.notebook_copy import ProjectCopy, copy_project
from pkgwidgets.core.errors import InvalidRequest


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home, temporary = tmp_path / "home" / "ada", tmp_path / "tmp"
    home.mkdir(parents=True)
    temporary.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    return home


def fill(folder: Path, *paths: str) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if path.endswith("/"):
            (folder / path).mkdir(exist_ok=True)
        else:
            (folder / path).write_text(path)
    return folder


def copy(notebook: Path, **options: object) -> ProjectCopy:
    place = Path(os.environ["HOME"]).parents[1] / "tmp" / "copies"
    return copy_project(notebook, place, **options)  # type: ignore[arg-type]


def names(copied: ProjectCopy) -> set[str]:
    return {str(path.relative_to(copied.copy)) for path in copied.copy.rglob("*")}


@pytest.mark.parametrize(
    ("marks", "root"),
    [
        (["repo/.git/HEAD"], "repo"),
        (["repo/.git"], "repo"),  # of a worktree or a submodule
        (["repo/.hg/requires"], "repo"),
        (["repo/.git/HEAD", "repo/part/pyproject.toml"], "repo"),
        (["repo/part/.git/HEAD", "repo/pyproject.toml"], "repo/part"),
        (["repo/pyproject.toml", "repo/part/nb/requirements.txt"], "repo"),
        (["repo/setup.py"], "repo"),
        (["repo/part/setup.cfg"], "repo/part"),
        (["repo/part/requirements.txt"], "repo/part"),
        (["repo/part/nb/requirements.txt"], "repo/part/nb"),
        (["repo/.git/HEAD", "repo/part/pyvenv.cfg"], "repo/part/nb"),
        ([".git/HEAD", "pyproject.toml"], "repo/part/nb"),  # the home folder
        (["../.git/HEAD"], "repo/part/nb"),
        ([], "repo/part/nb"),
    ],
)
def test_project_is_the_nearest_folder_with_the_strongest_mark(
    home: Path, marks: list[str], root: str
) -> None:
    notebook = fill(home, "repo/part/nb/a.ipynb", *marks) / "repo/part/nb/a.ipynb"
    copied = copy(notebook)
    assert (copied.original, copied.copy.name) == (home / root, Path(root).name)
    assert (copied.folder / "a.ipynb").is_file()
    assert copied.folder.relative_to(copied.copy) == notebook.parent.relative_to(home / root)
    assert copied.note == ""


def test_given_root_must_hold_the_notebook_but_not_the_home_folder(home: Path) -> None:
    fill(home, ".ssh/key", "work/nb/a.ipynb", "work/data/rows.csv", "other/")
    notebook = home / "work" / "nb" / "a.ipynb"
    (home / "link").symlink_to("work")
    assert copy(notebook, root=home / "link").original == home / "work"
    for root, reason in (
        (home / "other", f"a.ipynb is not in it; give a folder above {notebook.parent}"),
        (home / "nowhere", "it is not a folder"),
        (notebook, "it is not a folder"),
        (home.parent, "it holds your home folder; give a folder below it"),
        (Path("/"), "it holds your home folder; give a folder below it"),
    ):
        with pytest.raises(InvalidRequest) as raised:
            copy(notebook, root=root)
        assert (raised.value.field, raised.value.reason) == ("root", reason)


def test_hidden_entries_of_the_home_folder_are_never_copied(home: Path) -> None:
    fill(home, ".ssh/key", ".netrc", "a.ipynb", "beside.py", "data/rows.csv", "data/.keep")
    (home / "far").symlink_to("data")
    alone = copy(home / "a.ipynb")
    assert names(alone) == {"a.ipynb", "beside.py", "far"}
    assert (alone.folder / "far").readlink() == home / "data"
    assert alone.note == (
        "Only the files beside the notebook were copied, no folders. "
        "Move the notebook to a folder of its own, or give a folder as `root`."
    )
    assert alone.protected == {str(home / name) for name in ("a.ipynb", "beside.py", "far", "data")}


def test_hidden_entries_of_a_given_home_folder_are_not_copied(home: Path) -> None:
    fill(home, ".ssh/key", ".git/HEAD", "nb/a.ipynb", "data/rows.csv", "data/.keep")
    whole = copy(home / "nb" / "a.ipynb", root=home)
    assert names(whole) == {"nb", "nb/a.ipynb", "data", "data/rows.csv", "data/.keep"}
    assert whole.protected == {str(home / "nb"), str(home / "data")}


def test_environments_and_caches_are_left_out_and_git_is_empty(home: Path) -> None:
    left_out = (
        ".venv/pyvenv.cfg", ".venv/lib/x.py", "conda/conda-meta/history", "conda/bin/python",
        "nb/__pycache__/a.pyc", "nb/.ipynb_checkpoints/a.ipynb", "node_modules/x/y.js",
        ".mypy_cache/x", "env-in-place/lib/python3/site-packages/z.py",
    )  # fmt: skip
    fill(home / "repo", ".git/objects/ab/cd", "nb/a.ipynb", "sub/.git", "kept/.hidden", *left_out)
    os.mkfifo(home / "repo" / "pipe")
    excluded = [home / "repo" / "env-in-place" / "lib"]
    copied = copy(home / "repo" / "nb" / "a.ipynb", excluded=excluded)
    assert names(copied) == {
        ".git", "nb", "nb/a.ipynb", "sub", "sub/.git", "kept", "kept/.hidden", "env-in-place",
    }  # fmt: skip
    assert (copied.copy / "sub" / ".git").is_dir()


def test_links_point_into_the_copy_or_else_to_the_original(home: Path) -> None:
    repo = fill(home / "repo", ".git/annex/key", "nb/a.ipynb", "data/rows.csv", ".venv/pyvenv.cfg")
    fill(home, "far/away.csv")
    links = {
        "nb/relative": "../data", "nb/absolute": str(repo / "data" / "rows.csv"),
        "nb/annexed": "../.git/annex/key", "nb/python": "../.venv/bin/python",
        "nb/out": "../../far", "nb/out-absolute": str(home / "far" / "away.csv"),
        "nb/chain": "relative", "nb/dangling": "../data/none", "loop": "loop", "self": ".",
    }  # fmt: skip
    for name, target in links.items():
        (repo / name).symlink_to(target)
    copied = copy(repo / "nb" / "a.ipynb")
    texts = {name: str((copied.copy / name).readlink()) for name in links}
    assert texts == links | {
        "nb/absolute": "../data/rows.csv", "nb/annexed": str(repo / ".git" / "annex" / "key"),
        "nb/python": str(repo / ".venv" / "bin" / "python"), "nb/out": str(home / "far"),
    }  # fmt: skip
    assert (copied.folder / "annexed").read_text() == ".git/annex/key"
    assert (copied.folder / "absolute").resolve() == copied.copy / "data" / "rows.csv"
    assert str(home / "far") in copied.protected
    assert str(repo) in copied.protected


def test_copied_files_share_nothing_with_the_originals(home: Path) -> None:
    repo = fill(home / "repo", "a.ipynb", "run.sh", "sealed/x")
    os.link(repo / "run.sh", repo / "same.sh")
    os.utime(repo / "run.sh", ns=(5, 1_000_000_007))
    (repo / "run.sh").chmod(0o4755)
    (repo / "big").write_bytes(os.urandom(3_000_000))
    (repo / "empty").touch()
    (repo / "sealed").chmod(0o555)
    copied = copy(repo / "a.ipynb").copy
    (repo / "sealed").chmod(0o755)
    for name in ("a.ipynb", "run.sh", "same.sh", "big", "empty", "sealed/x"):
        old, new = repo / name, copied / name
        assert new.read_bytes() == old.read_bytes()
        assert (new.stat().st_dev, new.stat().st_ino) != (old.stat().st_dev, old.stat().st_ino)
        assert new.stat().st_nlink == 1
    status = (copied / "run.sh").stat()
    assert (status.st_mtime_ns, status.st_mode & 0o7777) == (1_000_000_007, 0o755)
    assert os.access(copied / "sealed", os.W_OK)


def test_file_that_the_kernel_cannot_copy_is_copied_by_reading(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between some file systems `copy_file_range` fails, at once or in the middle."""
    calls: list[int] = []

    def copy_some(source: int, target: int, count: int) -> int:
        calls.append(count)
        if len(calls) % 2 == 0:
            raise OSError(18, "Invalid cross-device link")
        return os.write(target, os.read(source, 4))

    monkeypatch.setattr("os.copy_file_range", copy_some, raising=False)
    repo = fill(home / "repo", "a.ipynb")
    (repo / "rows.csv").write_bytes(b"0123456789" * 200_000)
    assert (copy(repo / "a.ipynb").copy / "rows.csv").read_bytes() == b"0123456789" * 200_000
    assert len(calls) == 4


@pytest.mark.parametrize(
    ("limits", "fact"),
    [
        (CopyLimits(max_bytes=1500), "holds more than 1.5 kB (data/rows: 2.0 kB)"),
        (CopyLimits(max_files=3), "holds more than 3 files"),
    ],
)
def test_too_large_project_leaves_a_smaller_folder_and_says_so(
    home: Path, limits: CopyLimits, fact: str
) -> None:
    repo = fill(home / "repo", ".git/HEAD", "nb/a.ipynb", "nb/b.py", "x", "y")
    fill(repo, "data/")
    (repo / "data" / "rows").write_bytes(bytes(2000))
    copied = copy(repo / "nb" / "a.ipynb", limits=limits)
    assert (copied.original, names(copied)) == (repo / "nb", {"a.ipynb", "b.py"})
    assert copied.note == (
        f"Only {repo / 'nb'} was copied: {repo} {fact}. "
        "Give a smaller folder above the notebook as `root`."
    )
    with pytest.raises(InvalidRequest) as raised:
        copy(repo / "nb" / "a.ipynb", limits=limits, root=repo)
    assert raised.value.reason == f"{repo} {fact}; give a smaller folder as `root`"


def test_notebook_in_a_folder_that_is_not_copied_runs_in_its_own(home: Path) -> None:
    repo = fill(home / "repo", ".git/HEAD", "node_modules/x/a.ipynb", "node_modules/x/b.js")
    copied = copy(repo / "node_modules" / "x" / "a.ipynb")
    assert names(copied) == {"a.ipynb", "b.js"}
    assert "is not copied" in copied.note


def test_copy_below_its_original_does_not_copy_itself(home: Path) -> None:
    repo = fill(home / "repo", "a.ipynb", "scratch/")
    place = repo / "scratch" / "run" / "0-work"
    fill(repo, "scratch/run/kernel.py")
    copied = copy_project(repo / "a.ipynb", place, excluded=[repo / "scratch" / "run"])
    assert names(copied) == {"a.ipynb", "scratch"}


def test_cancelled_copy_stops_at_the_next_file(home: Path) -> None:
    repo = fill(home / "repo", "a.ipynb", *(f"{number}" for number in range(20)))

    def cancel() -> None:
        if len(list(home.parents[1].glob("tmp/copies/repo/*"))) > 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(repo / "a.ipynb", tick=cancel)
    assert len(list(home.parents[1].glob("tmp/copies/repo/*"))) == 4
