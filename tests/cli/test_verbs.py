"""Every verb as a process: its text and JSON output, and its exit code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes import Oracle

from pkgwidgets import PackageService
from pkgwidgets.__main__ import main
from pkgwidgets.commands import grammar
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel

pytestmark = pytest.mark.slow

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def answer(done: subprocess.CompletedProcess[str], *, code: int = 0) -> dict[str, Any]:
    """Return the JSON output; check that there is no other output."""
    assert (done.returncode, done.stderr) == (code, "")
    parsed: dict[str, Any] = json.loads(done.stdout)
    assert parsed["success"] is (code != 1 and code != 2)
    return parsed


def rows(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return the lines of a table by their first word."""
    return {line.split(maxsplit=1)[0]: line for line in done.stdout.splitlines() if line.strip()}


# --- reading


def test_packages_lists_installed_packages(run: Run, garden: Demo) -> None:
    done = run("packages")
    assert (done.returncode, done.stderr) == (0, "")
    assert rows(done)["seedshelf"].split()[:3] == ["seedshelf", "1.4.1", "yes"]
    assert rows(done)["sundrift"].split()[1:3] != ["1.0.4", "yes"]  # only a dependency
    assert f"11 packages in {garden.folder / 'env'}" in done.stdout
    assert garden.index.requests == []


def test_packages_in_json_have_the_rest_fields(run: Run, service: PackageService) -> None:
    listing = answer(run("packages", "--json", "SeedShelf"))
    (package,) = listing["packages"]
    assert (package["id"], package["version"], package["status"]) == (
        "seedshelf", "1.4.1", "installed"
    )  # fmt: skip
    assert package["update_available"] is None
    assert package["install_path"] == str(service.get_package("seedshelf").install_path)


def test_updates_lists_latest_versions_and_blocking_packages(run: Run) -> None:
    done = run("updates")
    assert done.returncode == 0
    row = rows(done)["raintable"]
    assert row.split()[:5] == ["raintable", "2.0.0", "3.1.0", "major", "2.4.0"]
    assert "allotboard (raintable<3)" in row
    assert "coldframe" not in rows(done)
    assert "7 updates on" in done.stdout
    assert ": no updates on " in run("updates", "moonsower").stdout


def test_updates_of_given_names_lists_only_those(run: Run) -> None:
    updates = answer(run("updates", "seedshelf", "moonsower", "--json"))["updates"]
    assert [(row["id"], row["latest_version"], row["update_available"]) for row in updates] == [
        ("seedshelf", "1.4.2", True),
        ("moonsower", "5.0.1", False),
    ]


def test_unavailable_index_makes_updates_unknown_and_exits_1(
    run: Run, garden: Demo, tmp_path: Path
) -> None:
    garden.index.down = True
    done = run("updates", "seedshelf")
    assert done.returncode == 1
    assert rows(done)["seedshelf"].split()[:3] == ["seedshelf", "1.4.1", "unknown"]
    assert "503" in rows(done)["seedshelf"]


def test_plan_changes_nothing(run: Run, garden: Demo, tree: Oracle) -> None:
    before = tree(garden.folder / "env")
    done = run("plan", "raintable")
    assert done.returncode == 0
    assert "\nraintable  upgrade  2.0.0  2.4.0  " in done.stdout
    assert (
        "raintable goes to 2.4.0, not 3.1.0: blocked by allotboard 1.40.0 (raintable<3). "
        "With --allow all: 3.1.0, but allotboard → 1.67.0 changes too.\n" in done.stdout
    )
    assert done.stdout.startswith(f"In {garden.folder / 'env'} (Python 3.")
    uv_line = f"  uv pip install --index-url {garden.index_url} --python"
    assert f"without checks and without undo:\n{uv_line}" in done.stdout
    options = f"--python {garden.python} --index-url {garden.index_url}"
    end = f"Nothing was changed. To apply: `pkgwidgets upgrade {options} raintable`.\n"
    assert done.stdout.endswith(end)
    assert tree(garden.folder / "env") == before


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        (("raintable",), {"raintable": "upgrade"}),
        (("raintable", "--allow", "all"), {"raintable": "upgrade", "allotboard": "upgrade"}),
        (("seedshelf", "--version", "1.4.2"), {"seedshelf": "upgrade"}),
        (("--uninstall", "frostcall", "seedshelf"), {"frostcall": "remove", "seedshelf": "remove"}),
        (("--install", "seedshelf>=1.4.2"), {"seedshelf": "upgrade"}),
    ],
    ids=" ".join,
)
def test_plan_in_json_lists_the_changes(
    run: Run, words: tuple[str, ...], kinds: dict[str, str]
) -> None:
    plan = answer(run("plan", *words, "--json"))["plan"]
    assert {change["id"]: change["kind"] for change in plan["changes"]} == kinds
    assert plan["id"]


def test_undo_and_history_say_why_a_change_can_no_longer_be_undone(run: Run, garden: Demo) -> None:
    assert run("upgrade", "seedshelf", "--yes").returncode == 0
    (garden.site_packages / "seedshelf.py").write_text("mine = 1\n")
    done = run("undo", "--yes")
    assert done.returncode == 2
    reason = (
        f"'{(garden.site_packages / 'seedshelf.py').relative_to(garden.folder / 'env')}' was edited"
    )
    assert f"it can no longer be undone, because {reason}. Nothing was changed." in done.stderr
    assert "run `pkgwidgets install seedshelf==1.4.1`" in done.stderr
    assert f" can no longer be undone: {reason}.\n" in run("history").stdout
    assert "seedshelf.py' was edited" in run("plan", "--install", "seedshelf==1.4.1").stdout


def test_plan_undo_needs_something_to_undo(run: Run) -> None:
    assert run("plan", "--undo").returncode == 3
    assert run("upgrade", "seedshelf", "--yes").returncode == 0
    (change,) = answer(run("plan", "--undo", "--json"))["plan"]["changes"]
    assert (change["before"], change["after"]) == ("1.4.2", "1.4.1")


def test_publishers_are_compared_in_text_and_json(run: Run) -> None:
    done = run("publishers", "Frostcall")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("The publisher of frostcall changed: 2.0.0 is by GitHub frost-")
    same = answer(run("publishers", "sundrift", "--json"))["publishers"]
    assert same == {
        "id": "sundrift",
        "name": "sundrift",
        "before": "1.0.4",
        "after": "1.2.0",
        "verdict": "same",
        "publishers_before": ["GitHub demo-garden/sundrift, release.yml"],
        "publishers_after": ["GitHub demo-garden/sundrift, release.yml"],
        "reason": "",
        "is_warning": False,
    }
    refused = run("publishers", "nothing-such", "--json")
    assert (refused.returncode, json.loads(refused.stdout)["success"]) == (2, False)


@pytest.mark.parametrize("words", [["plan"], ["upgrade", "--yes"]])
def test_publisher_that_changed_is_said_in_text_and_json(run: Run, words: list[str]) -> None:
    """In JSON an upgrade says it, too: who reads it may undo the change."""
    expected = "The publisher of frostcall changed: 2.0.0 is by GitHub frost-mirror/frostcall"
    if words == ["plan"]:
        assert expected in " ".join(run(*words, "frostcall").stdout.split())
    answer = json.loads(run(*words, "frostcall", "--json").stdout)
    subject = answer["plan"] if words == ["plan"] else answer["transaction"]
    assert any(expected in text for text in subject["warnings"])


def test_plan_without_changes_exits_3(run: Run) -> None:
    done = run("plan", "coldframe")
    assert (done.returncode, done.stdout) == (3, "There is nothing to change.\n")


# --- changing


def version(service: PackageService, name: str) -> str:
    return service.get_package(name).version


def test_upgrade_and_undo_are_in_the_history(
    run: Run, service: PackageService, tree: Oracle
) -> None:
    before = tree(service.prefix)
    done = run("upgrade", "seedshelf", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Done. seedshelf 1.4.1 → 1.4.2." in done.stdout
    assert version(service, "seedshelf") == "1.4.2"
    undone = run("undo", "-y")
    assert undone.returncode == 0
    assert "The old files come from the save point. Nothing is downloaded." in undone.stdout
    assert "To go back to seedshelf 1.4.2: `pkgwidgets undo " in undone.stdout
    assert re.search(
        r"\nUndoes the change of [-0-9]+ [:0-9]+ UTC \([0-9T]+-\w+\)\.\n", undone.stdout
    )
    assert rows(undone)["seedshelf"].split()[-1] == "undo"
    assert tree(service.prefix) == before
    lines = run("history").stdout.splitlines()
    assert ["seedshelf 1.4.2 → 1.4.1" in lines[1], "seedshelf 1.4.1 → 1.4.2" in lines[2]] == [
        True, True
    ]  # fmt: skip
    assert ", in a terminal" in lines[1]
    assert " done " in lines[1]
    transactions = answer(run("history", "--json"))["transactions"]
    assert [transaction["outcome"] for transaction in transactions] == ["committed", "committed"]
    assert transactions[0]["undoes"] == transactions[1]["id"]


def test_undo_command_shown_after_an_upgrade_works(run: Run, service: PackageService) -> None:
    output = run("upgrade", "seedshelf", "--yes").stdout
    words = output.rpartition("To undo this change: `pkgwidgets ")[2].partition("`")[0].split()
    assert run(*words, "--yes").returncode == 0
    assert version(service, "seedshelf") == "1.4.1"


def test_upgrade_in_json_returns_its_transaction(run: Run, service: PackageService) -> None:
    done = answer(run("upgrade", "bedplanner", "--yes", "--json"))["transaction"]
    assert done["outcome"] == "committed"
    assert {(c["id"], c["before"], c["after"]) for c in done["changes"]} == {
        ("bedplanner", "2.1.0", "2.3.0"),
        ("sundrift", "1.0.4", "1.2.0"),
    }
    assert version(service, "sundrift") == "1.2.0"


def test_upgrade_without_names_needs_all(run: Run, service: PackageService, garden: Demo) -> None:
    done = run("upgrade", "--yes")
    assert (done.returncode, garden.index.requests) == (2, [])
    assert "`--all` to upgrade all packages" in done.stderr
    refused = run("upgrade", "--all", "--yes")
    assert refused.returncode == 1
    assert "`--skip-failing`" in refused.stderr
    service.uninstall_package("harvestscale")  # what keeps everything else from being upgraded
    done = run("upgrade", "--all", "--yes")
    assert done.returncode == 0
    assert version(service, "raintable") == "3.1.0"


def test_upgrade_of_everything_can_skip_what_fails(run: Run, service: PackageService) -> None:
    assert run("upgrade", "seedshelf", "--skip-failing", "--yes").returncode == 2
    done = run("upgrade", "--all", "--skip-failing", "--yes")
    assert done.returncode == 0
    assert "The next plan leaves this out." in done.stderr
    assert (
        "harvestscale is held back at 3.2.0: harvestscale 3.3.0 cannot be imported" in done.stdout
    )
    assert version(service, "raintable") == "3.1.0"
    assert version(service, "harvestscale") == "3.2.0"


def test_updates_offer_the_upgrade_that_frees_others(run: Run) -> None:
    shown = run("updates")
    assert "allotboard blocks 1 package: upgrade it to 1.67.0 to free raintable: " in shown.stdout
    assert shown.stdout.rstrip().endswith(" allotboard raintable`.")
    assert "frees" not in run("updates", "--json").stdout


def test_install_and_uninstall_change_the_environment(
    run: Run, service: PackageService, garden: Demo
) -> None:
    garden.index.publish(BuiltWheel(name="trellis", version="1.0", files={"trellis.py": ""}))
    assert run("install", "trellis>=0.9", "--yes").returncode == 0
    assert version(service, "trellis") == "1.0"
    assert run("install", "trellis", "--yes").returncode == 3
    done = run("uninstall", "trellis", "frostcall", "--yes", "--json")
    assert {c["kind"] for c in answer(done)["transaction"]["changes"]} == {"remove"}


def test_failed_upgrade_leaves_the_environment_unchanged(
    run: Run, service: PackageService, tree: Oracle
) -> None:
    before = tree(service.prefix)
    done = run("upgrade", "harvestscale", "--yes")
    assert done.returncode == 1
    assert "libharvest.so.5" in done.stderr
    assert "Nothing was changed." in done.stderr
    assert "Traceback" not in done.stderr
    failed = answer(run("upgrade", "harvestscale", "--yes", "--json"), code=1)["error"]
    assert (failed["code"], bool(failed["message"]), bool(failed["hint"])) == (
        "stage-failed", True, True
    )  # fmt: skip
    assert tree(service.prefix) == before
    assert "not applied" in run("history").stdout


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ("plan", "--install", "raintable==3.1.0"),
            2,
            "raintable 3.1.0 cannot be installed: allotboard 1.40.0, which is installed, ",
        ),
        (
            ("plan", "raintable", "--version", "3.1.0"),
            2,
            "With `--allow all`: 3.1.0, but ",
        ),
        (("plan", "coldframe", "--version", "2.0.0"), 2, "Choose another version, or an "),
        (("plan", "raintable", "--version", "9"), 2, "raintable 9 does not exist; the newest is "),
        (
            ("uninstall", "sundrift", "--yes"),
            2,
            "Cannot uninstall sundrift: bedplanner requires it.",
        ),
        (("upgrade", "sprinkler", "--yes"), 2, "`pkgwidgets packages` lists what is installed."),
        (("install", "sprinkler", "--yes"), 2, "has no project sprinkler"),
        (("packages", "sprinkler"), 2, "sprinkler is not installed."),
        (
            ("undo", "--yes", "20200101"),
            2,
            "`pkgwidgets history` lists the transactions of this environment.",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_refusal_is_one_sentence_with_a_hint(
    run: Run, garden: Demo, tree: Oracle, words: tuple[str, ...], code: int, message: str
) -> None:
    before = tree(garden.folder / "env")
    done = run(*words)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    error = answer(run(*words, "--json"), code=code)["error"]
    assert error.keys() >= {"code", "message", "hint"}
    assert tree(garden.folder / "env") == before


@pytest.mark.parametrize("verb", ["upgrade", "install", "uninstall", "undo"])
def test_change_without_terminal_needs_yes(run: Run, garden: Demo, tree: Oracle, verb: str) -> None:
    before = tree(garden.folder / "env")
    done = run(verb, *(() if verb == "undo" else ("seedshelf",)))
    assert (done.returncode, done.stdout, garden.index.requests) == (2, "", [])
    assert "`--yes` applies the plan without asking" in done.stderr
    assert tree(garden.folder / "env") == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("upgrade", "coldframe", "--yes"), "There is nothing to change.\n"),
        (("undo", "--yes"), "There is nothing to undo.\n"),
        (("recover",), "There was nothing to recover.\n"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_nothing_to_do_exits_3(run: Run, words: tuple[str, ...], message: str) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout, done.stderr) == (3, message, "")
    assert answer(run(*words, "--json"), code=3)


# --- the program


def test_console_script_works_like_the_module(garden: Demo) -> None:
    command = Path(sys.executable).with_name("pkgwidgets")
    argv = [str(command), "packages", "--json", "--python", str(garden.python)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert len(answer(done)["packages"]) == 11


def test_default_environment_is_that_of_the_interpreter() -> None:
    argv = [sys.executable, "-m", "pkgwidgets", "packages", "pytest", "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert answer(done)["packages"][0]["version"] == pytest.__version__


def test_help_lists_every_verb(run: Run) -> None:
    done = run("--help")
    assert done.returncode == 0
    for verb in grammar.verbs():
        assert f"\n  {verb} " in done.stdout
        with pytest.raises(SystemExit) as ended:
            main([verb, "--help"])
        assert ended.value.code == 0
    assert "3  Nothing to do" in done.stdout
    assert run("--version").stdout.startswith("pkgwidgets ")


def test_closed_output_pipe_does_not_stop_the_upgrade(
    garden: Demo, service: PackageService
) -> None:
    words = ["upgrade", "seedshelf", "--yes", "--python", str(garden.python)]
    argv = [sys.executable, "-m", "pkgwidgets", *words, "--index-url", garden.index_url]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        errors = child.stderr.read()
    assert (child.returncode, errors) == (0, b"")
    assert version(service, "seedshelf") == "1.4.2"


def test_characters_outside_the_output_encoding_are_escaped(run: Run) -> None:
    done = run("plan", "seedshelf", "--json", PYTHONIOENCODING="ascii")
    assert answer(done)["plan"]["changes"]
    done = run("upgrade", "seedshelf", "--yes", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0
    assert "1.4.1 \\u2192 1.4.2" in done.stdout


# --- speed


def test_listing_imports_nothing_heavy(garden: Demo) -> None:
    argv = [sys.executable, "-X", "importtime", "-m", "pkgwidgets", "packages"]
    done = subprocess.run(
        [*argv, "--python", str(garden.python)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "pkgwidgets.cli.verbs" in imported
    heavy = {"pandas", "numpy", "ipywidgets", "IPython", "requests", "tqdm", "tornado", "rich"}
    print(done.stderr[-300:])
    assert imported & heavy == set()


def test_demo_in_a_terminal_prints_the_example_upgrade(run: Run, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "pkgwidgets", "demo", "--terminal"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "raintable 2.0.0 → 2.4.0" in done.stdout


# --- holds


def test_hold_is_listed_obeyed_and_undone(run: Run, service: PackageService) -> None:
    held = run("hold", "raintable", "<2.4", "--reason", "charts need 2.0")
    assert held.returncode == 0, held.stderr
    assert "Done. hold raintable<2.4." in held.stdout
    assert "charts need 2.0" in rows(run("holds"))["raintable"]
    (hold, *_) = answer(run("holds", "--json"))["holds"]
    assert (hold["name"], hold["versions"], hold["until"]) == ("raintable", "<2.4", None)
    assert "charts need 2.0 (raintable<2.4)" in rows(run("updates", "raintable"))["raintable"]
    assert run("plan", "raintable").returncode == 3
    refused = run("upgrade", "raintable", "--version", "2.4.0", "--yes")
    assert refused.returncode == 2
    assert "charts need 2.0 (raintable<2.4)" in refused.stderr
    undo = run("undo", "--yes")
    assert "Unhold raintable<2.4." in undo.stdout
    assert "raintable" not in rows(run("holds"))
    assert run("unhold", "raintable").returncode == 2
    assert service.plan_upgrade("raintable").pins == ("raintable==2.4.0",)


def test_hold_again_has_nothing_to_do(run: Run) -> None:
    assert run("hold", "seedshelf", "--until", "2999-01-01").returncode == 0
    again = run("hold", "seedshelf", "--until", "2999-01-01")
    assert again.returncode == 3
    assert "held already" in again.stdout
    assert answer(run("unhold", "seedshelf", "--json"))["transaction"]["holds"] != []


def test_broken_file_of_holds_is_named(run: Run, service: PackageService) -> None:
    (service.prefix / "pkgwidgets.toml").write_text("[[hold]\n", "utf-8")
    done = run("updates")
    assert done.returncode == 2
    assert "pkgwidgets.toml, line 1 cannot be used" in done.stderr
    assert run("packages").returncode == 0


# --- locks


def test_export_prints_the_lock_alone(run: Run, service: PackageService) -> None:
    done = run("export")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == service.export().text
    exported = answer(run("export", "requirements.txt", "--json"))["export"]
    assert exported == {
        "file_name": "requirements.txt",
        "text": service.export("requirements.txt").text,
        "notes": [],
    }
    assert run("export", "poetry.lock").returncode == 2
    assert run("export", "pylock.toml", "requirements.txt").returncode == 2


def test_export_says_on_standard_error_what_it_lacks(run: Run, garden: Demo) -> None:
    garden.index.down = True
    done = run("export", "requirements.txt")
    assert done.returncode == 0
    assert "# seedshelf==1.4.1  (" in done.stdout
    assert "without a hash" in done.stderr


def test_notebook_is_saved_compared_and_restored(
    run: Run, service: PackageService, tmp_path: Path
) -> None:
    empty = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "story.ipynb").write_text(json.dumps(empty), "utf-8")
    assert run("embed", "story.ipynb").returncode == 0
    same = run("drift", "story.ipynb")
    assert same.stdout == "0 of 11 packages differ from story.ipynb.\n"
    service.upgrade_package("seedshelf")
    assert "1.4.1" in rows(run("drift", "story.ipynb"))["seedshelf"]
    (row,) = answer(run("drift", "story.ipynb", "--json"))["drift"]
    assert row == {
        "name": "seedshelf",
        "locked": "1.4.1",
        "installed": "1.4.2",
        "difference": "other version",
    }
    restored = run("restore", "story.ipynb", "--yes")
    assert restored.returncode == 0, restored.stderr
    assert "seedshelf 1.4.2 → 1.4.1" in restored.stdout
    assert run("restore", "story.ipynb", "--yes").returncode == 3
    for words in (("restore",), ("restore", "a", "--as-of", "2026-01-01"), ("drift", "none.toml")):
        assert run(*words, "--yes" if words[0] == "restore" else "--json").returncode == 2
