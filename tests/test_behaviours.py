"""What new users of the panel stumbled over, and the browser test that shows what it does now.

The browser tests run in windows of 1400 × 913 and 1000 × 700 pixels, and assert that the next
button lies inside the window. A broken release is met in the big one, and in the small one over
REST. Tests of widths lay views out at more of them.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SIGHT, USE = "browser/test_in_sight.py", "browser/test_first_use.py"
ALL, RUNNING = (
    "test_upgrade_of_everything_is_decided_without_scrolling",
    "test_nothing_false_is_said_while_a_change_or_a_check_runs",
)
BAD_RELEASE = "test_bad_release_is_left_out_and_blames_no_other"
RESTART = "test_restart_asks_first_and_undo_acts_at_once"
TYPED = "test_typed_name_is_completed_corrected_or_known"
OPEN_ROW = "test_open_row_adds_no_scroll_bar_and_has_one_form_of_dates"
LOOKS = "test_names_are_whole_ages_are_ages_and_the_filter_has_its_key"
CHECK_IN_CELL = "test_check_in_a_cell_shows_what_is_newer_and_leaves_no_gap"

BEHAVIOURS = {
    "the number on *Upgrade all* is that of its plan, whose head counts the changes": (
        SIGHT,
        RUNNING,
    ),
    "a plan is decided without scrolling": (
        SIGHT,
        "test_plan_of_one_package_is_decided_without_scrolling",
    ),
    "after an upgrade of everything, with the chip *Updates* on, *Undo* is in sight": (SIGHT, ALL),
    "no update is called up to date while that is unknown": (SIGHT, RUNNING),
    "the outcome of many changes is one line with their number": (SIGHT, ALL),
    "major steps can be left out": (SIGHT, "test_minor_and_patch_only_is_a_switch_in_the_plan"),
    "one broken release does not sink the upgrade of the others": (USE, BAD_RELEASE),
    "one broken release does not sink the others over REST": (
        "browser/test_rest_panel.py",
        "test_one_bad_release_does_not_sink_the_others",
    ),
    "a healthy package whose upgrade failed is no problem": (USE, BAD_RELEASE),
    "the reason of a failure can be read whole": (USE, BAD_RELEASE),
    "a check in a cell shows first what is newer, in columns that fit": (USE, CHECK_IN_CELL),
    "*Requested* means something where an installer marked everything": (
        USE,
        "test_requested_counts_roots_where_everything_is_marked",
    ),
    "the undo of an undo is *Redo*": (SIGHT, ALL),
    "an impossible request gets no advice that cannot help": (
        USE,
        "test_version_that_does_not_exist_gets_no_advice_that_cannot_help",
    ),
    "*Install…* completes names, and corrects them": (USE, TYPED),
    "what is installed already is called so": (USE, TYPED),
    "names are not cut": (USE, LOOKS),
    "names are not cut at other widths": (
        "widgets/test_widths.py",
        "test_no_name_is_cut_in_a_wide_list",
    ),
    "an upgrade that frees other packages is offered": (
        USE,
        "test_upgrade_that_frees_another_package_is_offered",
    ),
    "a blocked row asks a question, and answers it": (USE, "test_blocked_row_answers_why"),
    "the answer begins with what was asked": (
        USE,
        "test_why_blocked_is_answered_by_the_heading_and_the_first_line",
    ),
    "an update that *Upgrade all* leaves out is named, with the reason": (
        USE,
        "test_update_that_the_plan_for_everything_leaves_out_is_named",
    ),
    "an open row adds no scroll bar within a scrolling page": (USE, OPEN_ROW),
    "an open row has one form of dates": (USE, OPEN_ROW),
    "boxes that cannot be ticked look so in dark": (
        USE,
        "test_boxes_that_cannot_be_ticked_look_so_in_the_dark",
    ),
    "the most far-reaching button is not the most prominent": (
        USE,
        "test_upgrade_of_everything_is_no_more_prominent_than_a_check",
    ),
    "a package in a cell has short times, words for truth values, and text from the left": (
        USE,
        "test_package_in_a_cell_reads_from_the_left",
    ),
    "no gap is left where a progress bar was": (USE, CHECK_IN_CELL),
    "an age says *ago*, and the filter names its key": (USE, LOOKS),
    "a restart says if no variable would be lost": (USE, RESTART),
    "a badge does not contradict the offer next to it": (
        USE,
        "test_badge_speaks_of_what_it_stands_beside",
    ),
    "reading the code and rehearsing the notebook are told apart": (
        USE,
        "test_plan_says_what_rehearsing_and_what_reading_does",
    ),
    "a name that ends in an ellipsis changes nothing yet": (
        USE,
        "test_button_with_an_ellipsis_asks_or_plans_and_changes_nothing",
    ),
    "*Undo* acts at once, and *Undo…* shows a plan": (USE, RESTART),
}


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_behaviour_is_shown_by_a_test(behaviour: str) -> None:
    file, name = BEHAVIOURS[behaviour]
    module = ast.parse((TESTS / file).read_text("utf-8"))
    assert name in {node.name for node in module.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("file", [USE, SIGHT])
def test_every_test_of_a_new_users_way_shows_a_behaviour(file: str) -> None:
    module = ast.parse((TESTS / file).read_text("utf-8"))
    tests = {node.name for node in module.body if isinstance(node, ast.FunctionDef)}
    shown = {name for place, name in BEHAVIOURS.values() if place == file}
    assert {name for name in tests if name.startswith("test_")} == shown
