"""`%packages` in a shell: results, JSON, errors and completions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest
from bad_inputs import NO_NAMES, NO_REQUIREMENTS, NO_VERSIONS
from fakes import Oracle
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import ExecutionResult, InteractiveShell

from pkgwidgets import PackagePanel, PackageService
from pkgwidgets.commands import grammar
from pkgwidgets.core.errors import InvalidRequest, PackageNotFound, PkgwidgetsError, StageFailed
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Outcome, Transaction
from pkgwidgets.demo import Demo
from pkgwidgets.notebook import magic


@pytest.fixture
def shell(service: PackageService, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """Start a shell with the extension; its own environment is the garden."""

    def garden_service(python: str | None, *, index_url: str | None) -> PackageService:
        return service if python is None else PackageService(python, index_url=index_url)

    monkeypatch.setattr(magic, "PackageService", garden_service)
    instance = InteractiveShell.instance()
    instance.run_line_magic("load_ext", "pkgwidgets")
    yield instance
    InteractiveShell.clear_instance()


def run_line(shell: InteractiveShell, line: str) -> Any:
    return shell.run_line_magic("packages", line)


# --- reading


@pytest.mark.parametrize("verb", ["packages", "list"])
def test_list_returns_the_frame_of_the_service(
    shell: InteractiveShell, service: PackageService, verb: str
) -> None:
    pd.testing.assert_frame_equal(run_line(shell, verb), service.get_packages())
    assert list(run_line(shell, f"{verb} SeedShelf raintable").index) == ["seedshelf", "raintable"]


def test_updates_returns_the_frame_of_the_service(
    shell: InteractiveShell, service: PackageService
) -> None:
    pd.testing.assert_frame_equal(run_line(shell, "updates"), service.check_for_updates())
    some = run_line(shell, "updates seedshelf moonsower --refresh")
    assert list(some["latest_version"]) == ["1.4.2", "5.0.1"]


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ("plan raintable", "raintable 2.0.0 → 2.4.0"),
        ("plan raintable --allow all", "raintable 2.0.0 → 3.1.0, allotboard 1.40.0 → 1.67.0"),
        ("plan frostcall --version 2.0.0", "frostcall 1.9.3 → 2.0.0"),
        ("plan --install 'seedshelf >= 1.4.2'", "seedshelf 1.4.1 → 1.4.2"),
        ("plan --uninstall frostcall", "frostcall 1.9.3 (removed)"),
    ],
)
def test_plan_returns_a_plan_that_can_be_applied(
    shell: InteractiveShell, service: PackageService, tree: Oracle, line: str, changes: str
) -> None:
    before = tree(service.prefix)
    plan = run_line(shell, line)
    assert isinstance(plan, Plan)
    assert set(map(str, plan.changes)) == set(changes.split(", "))
    assert plan.restart is not None
    assert tree(service.prefix) == before
    assert service.apply(plan).outcome is Outcome.COMMITTED


# --- changing


def test_upgrade_history_and_undo_restore_the_environment(
    shell: InteractiveShell, service: PackageService, tree: Oracle
) -> None:
    before = tree(service.prefix)
    done = run_line(shell, "upgrade seedshelf")
    assert isinstance(done, Transaction)
    assert list(map(str, done.changes)) == ["seedshelf 1.4.1 → 1.4.2"]
    assert list(run_line(shell, "history")["changes"]) == ["seedshelf 1.4.1 → 1.4.2"]
    assert run_line(shell, f"undo {done.id}").outcome is Outcome.COMMITTED
    assert tree(service.prefix) == before


def test_publishers_are_the_comparison_of_the_service(
    shell: InteractiveShell, service: PackageService
) -> None:
    compared = run_line(shell, "publishers frostcall")
    assert compared == service.values.compare_publishers("frostcall")


def test_export_returns_the_lock_of_the_service(
    shell: InteractiveShell, service: PackageService
) -> None:
    exported = run_line(shell, "export requirements.txt")
    assert str(exported) == service.export("requirements.txt").text
    fields = run_line(shell, "export --json")["export"]
    assert (fields["file_name"], fields["text"]) == ("pylock.toml", service.export().text)


def test_upgrade_without_names_needs_all(shell: InteractiveShell, service: PackageService) -> None:
    with pytest.raises(InvalidRequest, match="`--all` to upgrade all packages"):
        run_line(shell, "upgrade")
    run_line(shell, "uninstall harvestscale --yes")
    frame = run_line(shell, "upgrade --all")
    assert frame.loc["raintable", "after"] == "3.1.0"
    assert set(frame["status"]) == {"committed"}


def test_upgrade_of_everything_can_skip_what_fails(shell: InteractiveShell) -> None:
    frame = run_line(shell, "upgrade --all --skip-failing")
    assert frame.loc["raintable", "status"] == "committed"
    assert frame.loc["harvestscale", "status"].startswith("harvestscale 3.3.0 cannot be imported")


def test_errors_of_the_service_are_raised(
    shell: InteractiveShell, service: PackageService, tree: Oracle
) -> None:
    before = tree(service.prefix)
    with pytest.raises(StageFailed, match=r"libharvest\.so\.5"):
        run_line(shell, "upgrade harvestscale")
    assert tree(service.prefix) == before
    with pytest.raises(PackageNotFound):
        run_line(shell, "upgrade sprinkler")


def test_python_option_selects_another_environment(shell: InteractiveShell, garden: Demo) -> None:
    line = f"--python {garden.python} --index-url {garden.index_url} updates seedshelf"
    assert run_line(shell, line).loc["seedshelf", "latest_version"] == "1.4.2"


def test_panel_returns_a_package_panel(shell: InteractiveShell, service: PackageService) -> None:
    panel = run_line(shell, "panel")
    assert isinstance(panel, PackagePanel)
    panel.close()


def test_recover_reports_that_there_was_nothing(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], garden: Demo
) -> None:
    assert run_line(shell, f"recover --python {garden.python}") is None
    assert capsys.readouterr().out == "There was nothing to recover.\n"
    answer = run_line(shell, f"recover --python {garden.python} --json")
    assert answer == {"success": True, "recovered": None, "outcome": None}


# --- JSON


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("list --json", "packages"),
        ("updates seedshelf --json", "updates"),
        ("plan seedshelf --json", "plan"),
        ("--json upgrade seedshelf", "transaction"),
        ("history --json", "transactions"),
        ("publishers frostcall --json", "publishers"),
    ],
)
def test_json_has_the_form_of_the_rest_response(
    shell: InteractiveShell, line: str, key: str
) -> None:
    answer = run_line(shell, line)
    assert list(answer) == ["success", key]
    assert answer["success"] is True
    assert json.loads(json.dumps(answer)) == answer


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("--json", "invalid-request"),
        ("upgrade ../x --json", "invalid-request"),
        ("upgrade sprinkler --json", "package-not-found"),
        ("undo --json", "invalid-request"),
        ("uninstall sundrift --json", "still-needed"),
        ("upgrade harvestscale --json", "stage-failed"),
    ],
)
def test_json_failure_is_returned_instead_of_raised(
    shell: InteractiveShell, line: str, code: str
) -> None:
    answer = run_line(shell, line)
    assert answer["success"] is False
    assert answer["error"].keys() >= {"code", "message", "hint"}
    assert answer["error"]["code"] == code


# --- bad input


def test_bad_input_is_refused_without_creating_a_service(
    shell: InteractiveShell, garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(magic, "PackageService")
    lines = [f"upgrade -- {quoted(name)}" for name in NO_NAMES]
    lines += [f"install -- {quoted(text)}" for text in NO_REQUIREMENTS]
    lines += [f"upgrade seedshelf --version={quoted(text)}" for text in NO_VERSIONS]
    lines += ["", "nonsense", "upgrade 'seedshelf", "plan --unheard-of", "install", "undo a b"]
    for line in lines:
        with pytest.raises(InvalidRequest):
            run_line(shell, line)
    assert garden.index.requests == []


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\"'\"'") + "'"


def test_error_in_a_cell_is_one_line(shell: InteractiveShell) -> None:
    run: Callable[[str], ExecutionResult] = shell.run_cell
    error = run("%packages upgrade ../x").error_in_exec
    assert isinstance(error, PkgwidgetsError)
    assert error._render_traceback_() == [
        "InvalidRequest: '../x' is not a valid package name: "
        "use letters, digits, '.', '_' and '-'. Nothing was changed."
    ]


def test_help_is_printed(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_line(shell, "--help") is None
    shown = capsys.readouterr().out
    for verb in grammar.verbs(magic=True):
        assert f"\n  {verb} " in shown
    assert "demo" not in shown
    assert run_line(shell, "upgrade --help") is None
    assert "%packages upgrade" in capsys.readouterr().out


# --- completion


def completions(shell: InteractiveShell, line: str) -> list[str]:
    """Return completions as a kernel requests them."""
    with provisionalcompleter():
        return [completion.text for completion in shell.Completer.completions(line, len(line))]


def test_completion_offers_verbs(shell: InteractiveShell) -> None:
    assert completions(shell, "%packages ") == list(grammar.verbs(magic=True))
    assert completions(shell, "%packages up") == ["updates", "upgrade"]
    assert completions(shell, "x = 1\n%packages un") == ["uninstall", "unhold", "undo"]


def test_completion_offers_names_not_given_yet(shell: InteractiveShell) -> None:
    assert completions(shell, "%packages upgrade s") == ["seedshelf", "sundrift"]
    assert completions(shell, "%packages upgrade sundrift s") == ["seedshelf"]
    assert completions(shell, "%packages uninstall comp") == ["Compost_Log"]


def test_completion_offers_versions_latest_first(shell: InteractiveShell) -> None:
    assert completions(shell, "%packages upgrade raintable --version ") == [
        "3.1.0",
        "2.4.0",
        "2.0.0",
    ]
    assert completions(shell, "%packages upgrade raintable --version 2") == ["2.4.0", "2.0.0"]
    assert completions(shell, "%packages install raintable==2.") == ["2.4.0", "2.0.0"]
    # The first is yanked; the second does not exist.
    assert completions(shell, "%packages upgrade Compost_Log --version ") == ["0.9.0"]
    assert completions(shell, "%packages install sprinkler==1") == []
    assert completions(shell, "x = %packages plan seedshelf --version 1.4.2") == ["1.4.2"]


def test_completion_offers_options_and_their_values(shell: InteractiveShell) -> None:
    assert completions(shell, "%packages upgrade --a") == ["--all", "--allow"]
    assert completions(shell, "%packages plan --allow ") == ["self", "dependencies", "all"]
    assert "--refresh" in completions(shell, "%packages updates --")
    assert "--refresh" not in completions(shell, "%packages history --")


def test_completion_offers_undoable_transactions(
    shell: InteractiveShell, service: PackageService
) -> None:
    first = service.upgrade_package("seedshelf")
    second = service.upgrade_package("frostcall")
    assert completions(shell, "%packages undo ") == [second.id, first.id]
    assert completions(shell, "%packages plan --undo ") == [second.id, first.id]


def test_completion_without_an_index_is_silent(
    shell: InteractiveShell, garden: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    garden.index.down = True
    assert "1.4.2" not in completions(shell, "%packages upgrade seedshelf --version ")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")
