"""`plan --all` plans an upgrade of all packages, and nothing else."""

from __future__ import annotations

import pytest

from pkgwidgets.cli.plan_text import apply_command
from pkgwidgets.commands import grammar
from pkgwidgets.core.errors import InvalidRequest


def test_plan_all_is_the_plan_without_names() -> None:
    request = grammar.parse(["plan", "--all"])
    assert request.plan_request == grammar.parse(["plan"]).plan_request
    assert apply_command(request) == "pkgwidgets upgrade --all"


@pytest.mark.parametrize("words", [["pea"], ["--undo"], ["--uninstall", "pea"]], ids=" ".join)
def test_plan_all_accepts_no_name_and_no_other_action(words: list[str]) -> None:
    with pytest.raises(InvalidRequest, match="give no name and no other action"):
        grammar.parse(["plan", "--all", *words])


def test_command_has_the_step_of_the_plan() -> None:
    request = grammar.parse(["plan", "--all", "--step", "minor"])
    assert request.plan_request.step == "minor"
    assert apply_command(request) == "pkgwidgets upgrade --all --step minor"


def test_command_has_the_options_of_the_plan_but_no_credentials() -> None:
    address = "https://me:secret@h.invalid/simple"
    words = ["plan", "pea", "--version", "2", "--allow", "all", "--index-url", address]
    command = apply_command(grammar.parse(words))
    assert command == "pkgwidgets upgrade --version 2 --allow all pea"
