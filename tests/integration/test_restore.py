"""Drift from a lock, and the plan that returns to it, in a real environment."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from fakes import Oracle
from lock_files import installed_in, new_environment, run_uv
from real_environments import install_directly

from pkgwidgets import (
    Export,
    InvalidRequest,
    LockUnreadable,
    PackageService,
    StillNeeded,
)
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel


@pytest.fixture
def lock(service: PackageService, tmp_path: Path) -> Path:
    """Return the lock of the environment before any change."""
    file = tmp_path / "pylock.toml"
    file.write_text(str(service.export()), "utf-8")
    return file


@pytest.mark.slow
def test_restored_environment_is_that_of_the_lock(
    service: PackageService, garden: Demo, lock: Path
) -> None:
    before = installed_in(garden.python)
    service.upgrade_package("bedplanner")
    service.install_package("seedshelf>=1.4.2")
    rows = {str(row.name): row for row in service.values.drift(lock).rows}
    assert (str(rows["bedplanner"].locked), str(rows["bedplanner"].installed)) == ("2.1.0", "2.3.0")
    frame = service.drift(lock)
    assert frame.loc["bedplanner", "difference"] == "other version"
    assert frame.loc["bedplanner", "locked"] == "2.1.0"
    assert str(service.values.drift(lock)) == "3 of 11 packages differ from pylock.toml"
    plan = service.plan_restore(lock)
    assert sorted(plan.pins) == ["bedplanner==2.1.0", "seedshelf==1.4.1", "sundrift==1.0.4"]
    assert plan.held_back == ()
    assert all(change.hashes for change in plan.changes)
    done = service.apply(plan)
    assert installed_in(garden.python) == before
    assert service.drift(lock).empty
    assert not service.plan_restore(lock)
    options = ["--index-url", garden.index_url, "--require-hashes", "--python", str(garden.python)]
    assert run_uv("pip", "sync", "--check", *options, lock).returncode == 0
    service.undo(done)
    assert service.get_package("seedshelf").version == "1.4.2"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["requirements.txt", "environment", "interpreter", "export"])
def test_every_kind_of_source_gives_the_same_plan(
    service: PackageService, garden: Demo, lock: Path, tmp_path: Path, kind: str
) -> None:
    exported = service.export("requirements.txt")
    (tmp_path / "requirements.txt").write_text(str(exported), "utf-8")
    python = new_environment(tmp_path / "other")
    options = ["--python", str(python), "--index-url", garden.index_url]
    assert run_uv("pip", "sync", *options, lock).returncode == 0
    service.upgrade_package("seedshelf")
    sources: dict[str, str | Path | Export] = {
        "requirements.txt": tmp_path / "requirements.txt",
        "environment": tmp_path / "other",
        "interpreter": python,
        "export": exported,
    }
    assert service.plan_restore(sources[kind]).pins == ("seedshelf==1.4.1",)


@pytest.mark.slow
def test_requested_marks_come_from_the_lock(service: PackageService, lock: Path) -> None:
    service.uninstall_package(["bedplanner", "beanpoles", "sundrift"])
    assert list(service.drift(lock)["difference"]) == ["not installed"] * 3
    service.apply(service.plan_restore(lock))
    frame = service.get_packages()
    assert bool(frame.loc["bedplanner", "requested"])
    assert not bool(frame.loc["beanpoles", "requested"])


def test_exact_plan_uninstalls_what_the_lock_lacks(
    service: PackageService, published: Callable[..., None], lock: Path, tree: Oracle
) -> None:
    before = tree(service.prefix)
    published(BuiltWheel(name="kale", version="1.0", files={"kale.py": ""}))
    service.install_package("kale")
    assert list(service.drift(lock)["difference"]) == ["not in the lock"]
    assert not service.plan_restore(lock)
    plan = service.plan_restore(lock, exact=True)
    assert [str(change) for change in plan.changes] == ["kale 1.0 (removed)"]
    service.apply(plan)
    assert tree(service.prefix) == before


def test_exact_plan_keeps_what_a_kernel_needs(
    service: PackageService, published: Callable[..., None], lock: Path
) -> None:
    kernel = BuiltWheel(name="ipykernel", version="7", files={"i.py": ""}, requires=("leek",))
    published(kernel, BuiltWheel(name="leek", version="1.0", files={"leek.py": ""}))
    service.install_package("ipykernel")
    assert not service.plan_restore(lock, exact=True)


def test_kept_package_that_needs_more_is_named(
    service: PackageService, published: Callable[..., None], lock: Path
) -> None:
    needs = BuiltWheel(
        name="kale", version="1.0", files={"kale.py": ""}, requires=("seedshelf>=1.4.2",)
    )
    published(needs)
    service.install_package("kale")
    with pytest.raises(StillNeeded, match=r"kale requires seedshelf>=1\.4\.2"):
        service.plan_restore(lock)
    assert len(service.plan_restore(lock, exact=True).changes) == 2


def edited(lock: Path, before: str, after: str) -> Path:
    text = lock.read_text("utf-8")
    assert before in text
    lock.write_text(text.replace(before, after), "utf-8")
    return lock


def test_wrong_hash_is_an_error_and_changes_nothing(
    service: PackageService, lock: Path, tree: Oracle
) -> None:
    service.upgrade_package("seedshelf")
    before = tree(service.prefix)
    lines = lock.read_text("utf-8").splitlines()
    (line,) = [line for line in lines if "seedshelf-1.4.1" in line]
    digest = line.partition('sha256 = "')[2][:64]
    with pytest.raises(LockUnreadable, match=r"seedshelf 1\.4\.1: the index has other files"):
        service.plan_restore(edited(lock, digest, "0" * 64))
    assert tree(service.prefix) == before


def test_missing_release_is_named_with_the_nearest(service: PackageService, lock: Path) -> None:
    text = edited(lock, "raintable-2.0.0", "raintable-2.4.9").read_text("utf-8")
    head, name, rest = text.partition('name = "raintable"\n')
    lock.write_text(f"{head}{name}{rest.replace('2.0.0', '2.4.9', 1)}", "utf-8")
    plan = service.plan_restore(lock)
    assert not plan
    (held_back,) = plan.held_back
    assert str(held_back) == (
        "raintable 2.0.0, not 2.4.9: the index does not have it; the nearest is 2.4.0"
    )


def test_package_without_a_release_here_is_replaced_by_the_nearest(
    service: PackageService, tmp_path: Path, published: Callable[..., None]
) -> None:
    old = BuiltWheel(name="kale", version="1.0", files={"kale.py": ""}, requires_python=">=4")
    published(old, BuiltWheel(name="kale", version="1.1", files={"kale.py": ""}))
    file = tmp_path / "requirements.txt"
    file.write_text("kale==1.0\nnothing-such==1.0\n", "utf-8")
    plan = service.plan_restore(file)
    assert plan.pins == ("kale==1.1",)
    notes = " ".join(plan.notes)
    assert "kale 1.0 cannot be had here: it requires Python>=4" in notes
    assert "1.1 instead" in notes
    assert "nothing-such 1.0 cannot be had here: the index does not have it" in notes


def test_hold_keeps_a_package_out_of_the_plan(service: PackageService, lock: Path) -> None:
    service.upgrade_package("seedshelf")
    service.hold("seedshelf", ">=1.4.2", reason="a fix")
    plan = service.plan_restore(lock)
    assert not plan
    assert "a fix (seedshelf>=1.4.2)" in plan.held_back[0].reason


def test_package_of_another_origin_is_held_back(
    service: PackageService, garden: Demo, lock: Path
) -> None:
    service.upgrade_package("seedshelf")
    facts = {"url": "file:///src/seedshelf", "dir_info": {"editable": True}}
    dist_info = garden.site_packages / "seedshelf-1.4.2.dist-info"
    (dist_info / "direct_url.json").write_text(json.dumps(facts), "utf-8")
    plan = service.plan_restore(lock)
    assert [held_back.name for held_back in plan.held_back] == ["seedshelf"]


@pytest.mark.slow
@pytest.mark.parametrize("day", ["2026-01-31", date(2026, 1, 31)])
def test_day_takes_the_releases_of_that_time(
    service: PackageService, published: Callable[..., None], day: date | str
) -> None:
    january, march = (datetime(2026, month, 31, 23, tzinfo=UTC) for month in (1, 3))
    published(
        *(
            BuiltWheel(name="kale", version=version, files={"kale.py": ""}, uploaded=uploaded)
            for version, uploaded in (("1.0", january), ("0.9", march), ("2.0", march))
        )
    )
    service.install_package("kale")
    plan = service.plan_restore(as_of=day)
    assert "kale==1.0" in plan.pins
    assert service.apply(plan).outcome.value == "committed"
    assert service.get_package("kale").version == "1.0"
    assert not service.plan_restore(as_of=day)


def test_package_younger_than_the_day_is_held_back(service: PackageService) -> None:
    plan = service.plan_restore(as_of="1999-12-31")
    assert not plan
    assert len(plan.held_back) == 11
    assert plan.held_back[0].reason == "it had no release for this Python then"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "[Gg]ive the path of a lock"),
        ({"source": "x", "as_of": "2026-01-01"}, "[Gg]ive the path of a lock"),
        ({"source": 3}, "give the path of a lock, notebook or environment"),
        ({"as_of": "yesterday"}, "give a day, such as 2026-10-01"),
        ({"as_of": "2026-01-01", "exact": True}, "not with a day"),
    ],
)
def test_request_that_is_none_is_refused(
    service: PackageService, arguments: dict[str, object], reason: str
) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        service.plan_restore(**arguments)  # type: ignore[arg-type]


# --- in a notebook


@pytest.fixture
def story(tmp_path: Path) -> Path:
    """Return a notebook with an odd style, a lone value and an output."""
    file = tmp_path / "story.ipynb"
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# Ö\n", "text"]},
        {
            "cell_type": "code",
            "id": "b",
            "execution_count": 3,
            "metadata": {"tags": ["x"]},
            "outputs": [{"name": "stdout", "output_type": "stream", "text": ["1\n"]}],
            "source": "print(1)",
        },
    ]
    metadata = {"kernelspec": {"name": "python3"}, "custom": {"z": 1, "a": [1.50]}}
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    file.write_text(json.dumps(notebook, indent=2, ensure_ascii=False) + "\n", "utf-8")
    file.chmod(0o640)
    return file


def test_notebook_carries_its_packages(service: PackageService, story: Path) -> None:
    before = story.read_text("utf-8")
    assert service.embed(story) == ()
    saved = json.loads(story.read_text("utf-8"))
    lock = saved["metadata"].pop("pkgwidgets")["lock"]
    assert json.dumps(saved, indent=2, ensure_ascii=False) + "\n" == before
    assert story.stat().st_mode & 0o777 == 0o640
    assert [*story.parent.glob(".*")] == []
    assert lock["python"] == service.python_version
    assert len(lock["requirements"]) == 11
    service.upgrade_package("seedshelf")
    assert str(service.values.drift(story)) == "1 of 11 packages differ from story.ipynb"
    service.apply(service.plan_restore(story))
    assert service.drift(story).empty


STYLES = {
    "Windows": lambda notebook: json.dumps(notebook, indent=1).replace("\n", "\r\n") + "\r\n",
    "tabs": lambda notebook: json.dumps(notebook, indent="\t") + "\n",
    "no line ends": json.dumps,
    "half a pair": lambda notebook: json.dumps({**notebook, "x": "\ud800"}, indent=1) + " ",
    "no spaces": lambda notebook: json.dumps(notebook, indent=3, separators=(",", ":")),
}


@pytest.mark.parametrize("write", STYLES.values(), ids=STYLES)
@pytest.mark.parametrize("minor", [2, 5])
def test_style_of_a_notebook_stays(
    service: PackageService, story: Path, write: Callable[[object], str], minor: int
) -> None:
    before = write({**json.loads(story.read_text("utf-8")), "nbformat_minor": minor}).encode()
    story.write_bytes(before)
    service.embed(story)
    first = json.loads(story.read_bytes())
    service.embed(story)
    saved = json.loads(story.read_bytes())
    assert saved["metadata"]["pkgwidgets"].keys() == {"lock"}
    assert len(saved["cells"]) == len(first["cells"])
    assert service.drift(story).empty
    del saved["metadata"]["pkgwidgets"]
    assert write({key: value for key, value in saved.items() if key != "x"}).encode() == before


def test_character_that_no_file_has_stays_escaped(service: PackageService, story: Path) -> None:
    story.write_text('{"cells": [], "metadata":{"a": "\\ud800"}}', "utf-8")
    assert service.embed(story) == ()
    assert json.loads(story.read_bytes())["metadata"]["a"] == "\ud800"


ADDRESSES = {
    "kale": {"url": "file:///home/me/my kale", "dir_info": {"editable": True}},
    "leek": {"url": "https://x.example/leek-1.0-py3-none-any.whl", "archive_info": {}},
    "rake": {
        "url": "https://x.example/tools.git",
        "vcs_info": {"vcs": "git", "commit_id": "c" * 40},
        "subdirectory": "rakes and hoes",
    },
}


def test_packages_that_are_not_of_an_index_do_not_differ(
    service: PackageService, garden: Demo, story: Path
) -> None:
    """A notebook that was saved here has the same packages, whatever their addresses are."""
    for name, facts in ADDRESSES.items():
        install_directly(garden, BuiltWheel(name=name, version="1.0", files={f"{name}.py": ""}))
        dist_info = garden.site_packages / f"{name}-1.0.dist-info"
        (dist_info / "direct_url.json").write_text(json.dumps(facts), "utf-8")
    service.embed(story)
    assert service.drift(story).empty
    assert not service.plan_restore(story, exact=True)
    other = PackageService(service.copy_environment("there").python, index_url=garden.index_url)
    assert other.drift(story)["difference"].to_dict() == dict.fromkeys(ADDRESSES, "not installed")
    assert [note.partition(":")[0] for note in other.plan_restore(story).notes] == [
        f"{name} cannot be had here" for name in ADDRESSES
    ]


@pytest.mark.parametrize("notebook", [None, 3, ""])
def test_what_is_no_path_is_no_notebook(service: PackageService, notebook: object) -> None:
    with pytest.raises(InvalidRequest, match=r"[Gg]ive the path of a notebook"):
        service.embed(notebook)  # type: ignore[arg-type]


def test_other_tools_install_the_lines_of_a_notebook(
    service: PackageService, garden: Demo, story: Path, tmp_path: Path
) -> None:
    service.embed(story)
    lines = json.loads(story.read_text("utf-8"))["metadata"]["pkgwidgets"]["lock"]["requirements"]
    file = tmp_path / "requirements.txt"
    file.write_text("\n".join(lines), "utf-8")
    python = new_environment(tmp_path / "other")
    options = ["--index-url", garden.index_url, "--require-hashes", "--python", str(python)]
    assert run_uv("pip", "sync", *options, file).returncode == 0
    assert installed_in(python) == installed_in(garden.python)


@pytest.mark.slow
def test_script_block_is_read_by_uv_and_replaced_later(
    service: PackageService, garden: Demo, story: Path, tmp_path: Path
) -> None:
    service.embed(story, script=True)
    service.upgrade_package("seedshelf")
    service.embed(story, script=True)
    first, *others = json.loads(story.read_text("utf-8"))["cells"]
    assert len(others) == 2
    assert first["cell_type"] == "code"
    script = tmp_path / "story.py"
    code = "\nfrom importlib.metadata import version\nprint(version('seedshelf'))\n"
    script.write_text("".join(first["source"]) + code, "utf-8")
    done = run_uv("run", "--no-project", "--index-url", garden.index_url, "--script", script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1.4.2"]


def test_notebook_of_a_running_kernel_is_refused(
    service: PackageService, story: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PackageService, "find_notebook", lambda self: story)
    before = story.read_bytes()
    with pytest.raises(InvalidRequest, match="it is open in Jupyter"):
        service.embed(story)
    assert story.read_bytes() == before


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells": [], "metadata": {"pkgwidgets": 1}}'])
def test_file_that_is_no_notebook_is_not_written(
    service: PackageService, story: Path, text: str
) -> None:
    story.write_text(text, "utf-8")
    with pytest.raises(LockUnreadable):
        service.embed(story)
    assert story.read_text("utf-8") == text


def test_missing_notebook_is_refused(service: PackageService, story: Path) -> None:
    with pytest.raises(LockUnreadable, match="No such file"):
        service.embed(story.with_name("missing.ipynb"))


def test_package_that_a_lock_has_from_an_address_is_named(
    service: PackageService, tmp_path: Path
) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text("seedshelf @ https://x.example/seedshelf-9.0-py3-none-any.whl\n", "utf-8")
    notes = service.plan_restore(lock).notes
    assert notes == ("seedshelf stays: the lock has it from an address",)


@pytest.mark.parametrize(
    "text",
    [
        '{"cells": [], "metadata": {"a": 1e5}, "nbformat": 4, "nbformat_minor": 5}',
        '{\n "cells": [],\n "metadata": {"a": 1e5, "b": "\\u00e9"},\n "nbformat": 4\n}\n',
    ],
    ids=["one line", "escapes"],
)
def test_nearest_style_is_taken_where_none_gives_the_same_text(
    service: PackageService, story: Path, text: str
) -> None:
    story.write_text(text, "utf-8")
    service.embed(story)
    saved = story.read_text("utf-8")
    assert json.loads(saved)["metadata"]["a"] == 1e5
    assert saved.isascii()
    assert ("\n" in saved) is ("\n" in text)
