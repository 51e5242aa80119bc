"""Each promise has a test that fails without the code for it; run on a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
COPIED = ("pkgwidgets", "tests", "pyproject.toml", "README.md", ".github")
FAILED = re.compile(r"^\S+\.py:\d+: .*\n.*\nE .*", re.MULTILINE)
"""The failed line and its error, as pytest prints them."""


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """Code to replace, and the test that must then fail."""

    file: str
    code: str
    instead: str
    test: str


MUTATIONS = {
    "users: root keeps what it creates": Mutation(
        file="backends/store/ownership.py",
        code="    user = user if os.geteuid() == 0 else status.st_uid\n",
        instead="    user = status.st_uid\n",
        test="faults/test_other_users.py::test_first_change_by_root_gives_the_folder_to_the_owner",
    ),
    "users: uv works as root": Mutation(
        file="backends/processes/account.py",
        code="        if owner is not None:\n",
        instead="        if False:\n",
        test="faults/test_other_users.py::test_owner_finishes_what_root_began[INSTALLED:before]",
    ),
    "users: readers may lock": Mutation(
        file="backends/store/ownership.py",
        code="_LOCK_BITS = 0o660\n",
        instead="_LOCK_BITS = 0o666\n",
        test="faults/test_other_users.py::test_reader_cannot_lock_the_environment",
    ),
    "users: an unfinished change is not looked for": Mutation(
        file="operations/access.py",
        code="    if unfinished is not None:\n        raise",
        instead="    if False:\n        raise",
        test="faults/test_other_users.py::test_reader_learns_of_an_unfinished_change_before_a_plan",
    ),
    "users: a closed folder is not named": Mutation(
        file="backends/environment/installed_environment.py",
        code=" or permissions.closed_reason(self.place)\n",
        instead="\n",
        test="faults/test_other_users.py"
        "::test_folder_that_root_closed_is_named_before_a_plan_and_opened_by_root",
    ),
    "forks: the worker keeps the lock": Mutation(
        file="backends/store/forks.py",
        code="            os.close(descriptor)\n    _own.clear()\n",
        instead="            pass\n    _own.clear()\n",
        test="contract/test_lock_forks.py::test_fork_during_a_change_keeps_nothing",
    ),
    "forks: the installer loses the lock": Mutation(
        file="backends/store/forks.py",
        code="    copy = os.dup(descriptor)\n",
        instead="    copy = os.dup(descriptor)\n    _own.add(copy)\n",
        test="contract/test_lock_forks.py::test_installer_inherits_the_lock[with a hook]",
    ),
    "uv's lock: nothing waits": Mutation(
        file="operations/apply.py",
        code="    with backend.without_installers(Stage.SAVING, report):\n",
        instead="    with suppress():\n",
        test="contract/test_uv_lock.py::test_change_waits_for_uv_before_anything_is_saved",
    ),
    "versions: an unknown format is read": Mutation(
        file="backends/store/journal_file.py",
        code='        if any(line.get("v") != FORMAT for line in self.lines(transaction)):\n',
        instead="        if False:\n",
        test="versions/test_other_versions.py"
        "::test_unfinished_change_of_another_version_refuses_changes[newer_journal]",
    ),
    "a leftover is not in the save point": Mutation(
        file="backends/environment/record_files.py",
        code="                old.update(*map(leftovers.paths_in, release.leftovers))\n",
        instead="",
        test="cases/test_env_leftover_dist_info.py::test_failed_upgrade_restores_a_leftover",
    ),
    "an upgrade that failed is planned again": Mutation(
        file="operations/planning.py",
        code="snapshot.with_pinned({**failed, **(hold or {})}),",
        instead="snapshot.with_pinned(hold or {}),",
        test="integration/test_breakages.py"
        "::test_next_plan_for_everything_leaves_out_what_breaks_it[a name is gone]",
    ),
    "an upgrade that failed is never tried again": Mutation(
        file="operations/breakages.py",
        code="        _has_release_since(snapshot, answers, name, transaction.started, tried)\n",
        instead="        False\n",
        test="integration/test_breakages.py::test_new_release_is_tried",
    ),
    "all packages of a refused plan are blamed": Mutation(
        file="core/failed_changes.py",
        code="if len(requested) == 1}",
        instead="if requested}",
        test="unit/test_inventory.py"
        "::test_failure_of_one_of_several_requested_packages_is_noted_nowhere",
    ),
    "an undo parses all code": Mutation(
        file="backends/environment/record_files.py",
        code="        names = {str(path) for path in replaced}\n",
        instead="        names = {str(p) for p in replaced if not file_effects.has_no_effect(p)}\n",
        test="contract/test_record_files.py::test_undo_reads_no_code_of_files_with_one_owner",
    ),
    "files of a project are not saved": Mutation(
        file="operations/apply.py",
        code=", outside=paths.outside",
        instead="",
        test="faults/test_project_kills.py"
        "::test_kill_at_any_file_operation_leaves_all_old_or_all_new",
    ),
    "an edit of a project's file is rolled back": Mutation(
        file="backends/store/restore.py",
        code='return "after" in row and filesystem.sha256(path) not in',
        instead="return False and filesystem.sha256(path) not in",
        test="faults/test_project_kills.py::test_edit_of_the_user_meanwhile_is_never_lost[True]",
    ),
    "an undo overwrites an edited project": Mutation(
        file="operations/undo.py",
        code="(*backend.records.changes_since(plan, saved, changed), *edited)",
        instead="backend.records.changes_since(plan, saved, changed)",
        test="faults/test_project_kills.py::test_undo_is_refused_after_an_edit_of_the_project",
    ),
    "a plan made through a link is stale": Mutation(
        file="operations/snapshot.py",
        code="path=moved[distribution.path.parent] / distribution.path.name",
        instead="path=distribution.path",
        test="integration/test_kinds_of_environments.py"
        "::test_plan_made_at_another_path_of_the_environment_is_not_stale[plan]",
    ),
    "each linked file is synced": Mutation(
        file="backends/store/savepoint.py",
        code="for row in _call_regularly(links.copied, tick, self._files_per_tick):\n"
        "                filesystem.sync_path(",
        instead="for row in files:\n                filesystem.sync_path(",
        test="contract/test_savepoint.py::test_save_syncs_copies_and_not_each_link",
    ),
    "power cut: a saved copy is not synced": Mutation(
        file="backends/store/savepoint.py",
        code="                filesystem.sync_path(f\"{self._objects}/{row['object']}\")\n",
        instead="                pass\n",
        test="contract/test_savepoint.py::test_save_syncs_copies_and_not_each_link",
    ),
    "a slow import is a failure": Mutation(
        file="backends/sandbox/import_check.py",
        code="seconds = self._limits.last_seconds if is_late else self._limits.module_seconds",
        instead="seconds = self._limits.module_seconds",
        test="contract/test_import_check.py::test_slow_import_is_tried_again_with_more_time[others0]",
    ),
    "empty folders of a wheel are not in the save point": Mutation(
        file="operations/apply.py",
        code="folders = backend.records.new_folders(stage) if stage is not None else frozenset()",
        instead="folders = frozenset[Path]()",
        test="contract/test_empty_folders.py::test_undo_removes_new_empty_folders",
    ),
    "empty folders of a wheel are not redone": Mutation(
        file="operations/apply.py",
        code="        folders |= undone.folders()\n",
        instead="",
        test="contract/test_empty_folders.py::test_undo_of_the_undo_makes_them_again",
    ),
    "a requirement in an old spelling is no limit": Mutation(
        file="core/dependency_graph.py",
        code="return read_requirement(text) or read_old_requirement(text)",
        instead="return read_requirement(text)",
        test="cases/test_env_cap_spelled_the_old_way.py"
        "::test_upgrade_stays_below_an_old_limit[torchlight >=1 <2-1.5]",
    ),
    "impact: the options of a magic are its code": Mutation(
        file="analysis/magic_code.py",
        code="    options, code = split_options(line, _OPTIONS[name])\n"
        "    return MagicCode(\n        parts=(*_profiled(options), code),\n",
        instead="    options, code = split_options(line, _OPTIONS[name])\n"
        "    return MagicCode(\n        parts=(line,),\n",
        test="unit/test_notebook_code.py::test_code_that_a_cell_runs_is_read"
        "[import pea\\n%timeit -n 10 -r 3 -q pea.pod(1)]",
    ),
    "impact: code under a magic is not transformed": Mutation(
        file="analysis/usage_reader.py",
        code="        if tree is not None or not ipython:\n            return tree\n",
        instead="        if tree is not None or not ipython or text.startswith(('%m', '!')):\n"
        "            return tree\n",
        test="unit/test_notebook_code.py::test_code_that_a_cell_runs_is_read"
        "[%%time\\n%matplotlib inline\\nimport pea\\npea.pod(1)]",
    ),
    "impact: a module next to the notebook is not read": Mutation(
        file="analysis/local_modules.py",
        code="        if self._find(name, place, self._folders.before_environment()):\n"
        "            return True\n",
        instead="",
        test="unit/test_notebook_code.py::test_files_and_modules_of_a_notebook_are_followed"
        "[import x-x.py-import pea\\npea.pod(1)]",
    ),
    "impact: what cannot be read is left out": Mutation(
        file="analysis/usage_reader.py",
        code="        self.unknowns.append(Unknown(cell=place.cell, text=text))\n",
        instead="        pass\n",
        test="unit/test_notebook_code.py"
        "::test_code_that_cannot_be_read_is_unknown_by_its_cell[%run gone.py]",
    ),
    "impact: parameters that changed places are the same": Mutation(
        file="analysis/api_changes.py",
        code="        if is_set and has_moved and before.name != after.name:\n",
        instead="        if is_set and has_moved and before.name == after.name == '':\n",
        test="unit/test_name_usage.py::test_incompatible_signature_changes_are_reported"
        "[call11-old11-new11-texts11]",
    ),
    "impact: the user's variable is the history": Mutation(
        file="notebook/notebook_code.py",
        code='getattr(getattr(shell, "history_manager", None), "input_hist_raw", None) or [""]',
        instead='shell.user_ns["In"]',
        test="unit/test_notebook_code.py::test_cells_come_from_the_history_and_not_from_a_variable",
    ),
    "impact: the notebook is read before griffe is missing": Mutation(
        file="notebook/values.py",
        code="        impact.check_griffe()\n",
        instead="",
        test="notebook/test_impact.py::test_impact_without_griffe_is_refused_before_any_download",
    ),
    "killed: the old files are not put back": Mutation(
        file="operations/recovery.py",
        code="differences = save_point.roll_back(journal.incomplete_paths(transaction))",
        instead="differences = ()",
        test="faults/test_kills.py"
        "::test_kill_at_a_journal_record_leaves_the_old_or_the_new_environment[written-INSTALLED]",
    ),
    "prepared: the environment changed while a plan was prepared": Mutation(
        file="operations/preparation.py",
        code="        check_unchanged(backend, plan)\n        preparation.complete",
        instead="        preparation.complete",
        test="contract/test_preparations.py::test_change_while_a_plan_is_prepared_is_noticed[fake]",
    ),
    "prepared: a result counts for any plan": Mutation(
        file="backends/sandbox/preparations.py",
        code='return values if values.get("key") == self._key(plan_id) else None',
        instead="return values",
        test="contract/test_preparations.py::test_result_holds_for_the_variables_that_modules_saw",
    ),
    "unmarked: RECORD is rewritten without the store": Mutation(
        file="backends/store/rewrite.py",
        code="    temporary = filesystem.temporary_path(str(path))\n",
        instead="    temporary = str(path) + '.pkgwidgets'\n",
        test="faults/test_operation_matrix.py"
        "::test_kill_while_a_mark_is_removed_leaves_the_old_environment",
    ),
    "unmarked: RECORD is written by other means": Mutation(
        file="backends/environment/record.py",
        code="    filesystem.remove(dist_info / name)\n",
        instead="    (dist_info / name).unlink()\n",
        test="faults/test_operation_matrix.py"
        "::test_only_the_traced_functions_write_to_the_environment[upgrade]",
    ),
    "rolled back: new folders are not looked at": Mutation(
        file="backends/store/restore.py",
        code="                self._check_folder(row, path)\n",
        instead="                pass\n",
        test="faults/test_outcomes.py"
        "::test_foreign_files_make_a_rollback_incomplete_until_they_are_gone[add_to_new_metadata]",
    ),
    "rolled back: other installations are not looked at": Mutation(
        file="backends/store/savepoint.py",
        code="(path for path in foreign if filesystem.find(path) is not None)",
        instead="()",
        test="faults/test_outcomes.py"
        "::test_foreign_files_make_a_rollback_incomplete_until_they_are_gone"
        "[install_another_version]",
    ),
    "rolled back: what a RECORD listed is forgotten": Mutation(
        file="backends/store/savepoint.py",
        code="            return foreign.add(paths)\n",
        instead="            return paths\n",
        test="faults/test_outcomes.py"
        "::test_foreign_files_are_still_known_after_a_kill_of_the_rollback",
    ),
    "incomplete: the rollback of all paths is repeated": Mutation(
        file="operations/recovery.py",
        code="save_point.roll_back(journal.incomplete_paths(transaction))",
        instead="save_point.roll_back()",
        test="faults/test_outcomes.py::test_completed_rollback_keeps_later_changes_of_other_paths",
    ),
    "incomplete: everything is blocked": Mutation(
        file="operations/recovery.py",
        code="    failed = RollbackFailed(transaction, texts, folder, paths)\n",
        instead="    failed = RollbackFailed(transaction, texts, folder)\n",
        test="unit/test_transactions.py"
        "::test_change_of_other_paths_is_possible_while_a_rollback_is_incomplete",
    ),
    "committed: old files that are left do not matter": Mutation(
        file="operations/verification.py",
        code="    left = sorted(map(str, backend.records.unowned_paths(plan, saved)))\n",
        instead="    left: list[str] = []\n",
        test="faults/test_outcomes.py::test_left_file_of_the_old_version_is_not_committed",
    ),
    "deleted folder: it counts as a rollback": Mutation(
        file="operations/apply.py",
        code="            if progress.is_lost:\n",
        instead="            if False:\n",
        test="faults/test_outcomes.py::test_incomplete_change_says_that_its_folder_was_deleted",
    ),
    "read-only disk: the interrupted change is not named": Mutation(
        file="operations/recovery.py",
        code="            return recover_each(backend)\n    except DiskFailed as error:\n"
        "        error.state = DISK_INTERRUPTED\n",
        instead="            return recover_each(backend)\n    except DiskFailed as error:\n",
        test="faults/test_outcomes.py"
        "::test_recovery_on_a_read_only_file_system_says_what_is_still_to_be_done",
    ),
    "power cut: the journal is not synced": Mutation(
        file="backends/store/journal_file.py",
        code="                filesystem.sync(file)\n",
        instead="",
        test="faults/test_power_cuts.py"
        "::test_power_cut_during_upgrade_leaves_the_old_or_the_new_environment[one in 29]",
    ),
    "power cut: a file is renamed before it is synced": Mutation(
        file="backends/store/filesystem.py",
        code="        write(file, data)\n        sync(file)\n",
        instead="        write(file, data)\n",
        test="faults/test_power_cuts.py"
        "::test_power_cut_during_upgrade_leaves_the_old_or_the_new_environment[one in 29]",
    ),
    "torn journal: only what it says counts": Mutation(
        file="operations/recovery.py",
        code="if not _STEPS_AFTER_INTENT & {*steps} and not save_point.is_intact():",
        instead="if not _STEPS_AFTER_INTENT & {*steps}:",
        test="faults/test_damage.py"
        "::test_interrupted_change_with_a_truncated_journal_is_rolled_back[one in 19]",
    ),
    "flipped journal: no checksum is looked at": Mutation(
        file="backends/store/journal_file.py",
        code='line if line.pop("crc", None) == _checksum(line) else None',
        instead='line if line.pop("crc", None) else None',
        test="faults/test_damage.py"
        "::test_interrupted_change_with_a_flipped_journal_byte_is_rolled_back[one in 19]",
    ),
    "damaged copies: they are put back all the same": Mutation(
        file="backends/store/restore.py",
        code='if filesystem.sha256(path) == str(row["sha256"]):',
        instead="if filesystem.sha256(path):",
        test="faults/test_damage.py::test_damaged_object_is_named_and_not_restored",
    ),
    "bad wheels: nothing is tried beside the environment": Mutation(
        file="operations/apply.py",
        code="    if failing:\n        raise",
        instead="    if False:\n        raise",
        test="faults/test_bad_wheels.py"
        "::test_bad_upgrade_is_explained_and_leaves_the_environment_unchanged[1 import raises]",
    ),
    "bad wheels: nothing is looked at in the environment": Mutation(
        file="operations/apply.py",
        code="    if problems:\n        raise VerificationFailed(",
        instead="    if False:\n        raise VerificationFailed(",
        test="faults/test_bad_wheels.py"
        "::test_bad_upgrade_is_explained_and_leaves_the_environment_unchanged"
        "[10 wrong hash in RECORD]",
    ),
    "stale plan: nothing is compared": Mutation(
        file="operations/snapshot.py",
        code="    if differences:\n        raise StalePlan",
        instead="    if False:\n        raise StalePlan",
        test="faults/test_foreign_changes.py::test_foreign_change_makes_a_plan_stale[edit_a_file]",
    ),
    "two at once: the lock is shared": Mutation(
        file="backends/store/lock.py",
        code="return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        instead="return fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)",
        test="worker/test_races.py::test_race_for_the_lock_has_one_winner[40]",
    ),
    "rollback not completed: the facts are not written down": Mutation(
        file="operations/recovery.py",
        code="            failure=json.dumps(error_to_json(failed)),\n",
        instead="",
        test="worker/test_incomplete.py"
        "::test_follow_reports_files_reasons_and_command_of_a_failed_rollback",
    ),
    "cancelled: saving does not notice it": Mutation(
        file="operations/apply.py",
        code="paths.saved, lambda: report(saving), folders=paths.folders",
        instead="paths.saved, folders=paths.folders",
        test="faults/test_cancel.py"
        "::test_cancellation_during_saving_leaves_the_environment_unchanged",
    ),
    "shared files: the installer's removal stands": Mutation(
        file="operations/apply.py",
        code="save_point.put_back(paths.shared) or ",
        instead="",
        test="faults/test_shared_files.py::test_one_owner_leaves_while_another_is_upgraded",
    ),
    "shared files: code is overwritten, too": Mutation(
        file="backends/environment/shared_files.py",
        code="or (owners and not self.matters(str(path)))",
        instead="or owners",
        test="faults/test_shared_files.py"
        "::test_file_that_matters_with_two_contents_names_both_owners[a module]",
    ),
    "shared files: an undo overwrites another's": Mutation(
        file="operations/undo.py",
        code="save_point.differing() if thorough else changed)",
        instead="())",
        test="faults/test_shared_files.py"
        "::test_undo_does_not_overwrite_the_code_of_a_later_install",
    ),
    "undo: later changes are not seen": Mutation(
        file="operations/planning.py",
        code="        raise undo.refusal(undone, reasons, history)\n",
        instead="        pass\n",
        test="faults/test_undo_refusals.py"
        "::test_other_build_of_the_same_version_is_named_and_its_replacement_planned",
    ),
    "undo: files that only the new RECORD lists stay": Mutation(
        file="operations/apply.py",
        code=" or save_point.remove(new)",
        instead="",
        test="faults/test_undo_refusals.py"
        "::test_same_wheel_that_was_installed_again_is_undone_exactly",
    ),
    "undo: what the transaction left is not recorded": Mutation(
        file="operations/apply.py",
        code="        save_point.record_result()\n",
        instead="        pass\n",
        test="faults/test_undo_refusals.py::test_edited_files_are_named",
    ),
    "undo: the copies are not read": Mutation(
        file="operations/undo.py",
        code="damage = save_point.damage(thorough=thorough)",
        instead="damage = save_point.damage(thorough=False)",
        test="faults/test_undo_refusals.py::test_flipped_byte_of_a_save_point_is_found_by_the_plan",
    ),
    "undo: another Python is not seen": Mutation(
        file="operations/undo.py",
        code="_other_python(backend, saved) or ",
        instead="",
        test="faults/test_undo_refusals.py::test_other_python_is_named",
    ),
    "undo: a stray file beside the metadata is not seen": Mutation(
        file="backends/environment/later_changes.py",
        code="        if strays:\n",
        instead="        if False:\n",
        test="faults/test_undo_refusals.py::test_further_file_beside_the_metadata_is_named",
    ),
    "room: only files that are edited in place are reserved": Mutation(
        file="backends/store/object_links.py",
        code='        rows = (row for row in self.copied if row["path"] not in linkable)\n',
        instead='        rows = (r for r in self.copied if is_modified_in_place(r["path"]))\n',
        test="faults/test_full_volumes.py::test_room_is_reserved_on_the_disk_of_the_library",
    ),
    "room: the reserve is on the disk of the save point": Mutation(
        file="backends/store/savepoint.py",
        code="        room.reserve(self._folder, self._prefix, others)\n",
        instead="",
        test="contract/test_savepoint_room.py"
        "::test_reserve_is_on_the_disk_where_the_copies_are_made",
    ),
    "room: missing room is found while installing": Mutation(
        file="backends/store/savepoint.py",
        code="            if reason is not None:\n",
        instead="            if False:\n",
        test="contract/test_savepoint_room.py"
        "::test_save_names_the_disk_without_room_and_saves_nothing",
    ),
    "room: half copies stay": Mutation(
        file="backends/store/restore.py",
        code="                self._remove_half_copy(temporary)\n                raise\n",
        instead="                raise\n",
        test="faults/test_full_volumes.py"
        "::test_recovery_ends_what_lacked_room_as_soon_as_there_is_some",
    ),
    "room: half copies of an interrupted restore stay": Mutation(
        file="backends/store/restore.py",
        code="        self._remove_half_copies()\n        failed_rows",
        instead="        failed_rows",
        test="contract/test_savepoint_room.py"
        "::test_restore_first_removes_half_copies_of_an_interrupted_one",
    ),
    "room: the trash keeps its room": Mutation(
        file="backends/store/restore.py",
        code="(self._free_reserves, self._empty_trash, self._make_way)",
        instead="(self._free_reserves, self._make_way)",
        test="contract/test_savepoint_room.py::test_restore_empties_the_trash_for_room",
    ),
    "room: what is replaced keeps its room": Mutation(
        file="backends/store/restore.py",
        code="(self._free_reserves, self._empty_trash, self._make_way)",
        instead="(self._free_reserves, self._empty_trash)",
        test="contract/test_savepoint_room.py::test_restore_deletes_what_it_replaces_for_room",
    ),
    "room: what failed for want of room is tried once": Mutation(
        file="backends/store/restore.py",
        code="            if not self._lacks_room or len(failed_rows) == len(rows):\n",
        instead="            if failed_rows or not failed_rows:\n",
        test="contract/test_savepoint_room.py::test_restore_uses_the_room_that_later_paths_free",
    ),
    "edited files: they are not kept": Mutation(
        file="operations/apply.py",
        code=" or save_point.keep_beside(paths.copies)",
        instead="",
        test="faults/test_edited_files.py"
        "::test_edited_configuration_is_named_and_kept_and_the_undo_is_exact[2.0]",
    ),
    "edited files: a rollback leaves the kept ones": Mutation(
        file="operations/apply.py",
        code="    paths |= {*copies.values()}\n",
        instead="",
        test="faults/test_edited_files.py"
        "::test_edited_configuration_is_named_and_kept_and_the_undo_is_exact[2.0]",
    ),
    "failed install: unpacked data stays": Mutation(
        file="backends/environment/record_files.py",
        code=" | self._unpacking_folders(staged)",
        instead="",
        test="faults/test_edited_files.py::test_unpacked_data_of_a_failed_install_is_removed",
    ),
    "links: the target's content is not saved": Mutation(
        file="backends/store/object_links.py",
        code=" and not self._leads_outside(path)",
        instead="",
        test="contract/test_savepoint_links.py"
        "::test_link_whose_target_is_lost_is_restored_with_its_content[cleaned]",
    ),
    "moved library: commands go to another folder": Mutation(
        file="backends/environment/record_paths.py",
        code=" or _detour_reason(row.path, live, live_folder)",
        instead="",
        test="faults/test_places.py"
        "::test_command_that_the_installer_would_put_elsewhere_is_refused",
    ),
    "read-only folder: it is found while installing": Mutation(
        file="backends/environment/record_paths.py",
        code="        if not _is_writable(folder):\n",
        instead="        if False:\n",
        test="faults/test_places.py"
        "::test_read_only_folder_of_a_package_is_named_before_anything_changes[uninstall]",
    ),
    "import check: credentials are inherited": Mutation(
        file="backends/processes/process.py",
        code='return not is_secret and redact(f"{name}={value}") == f"{name}={value}"',
        instead="return True",
        test="contract/test_import_surroundings.py"
        "::test_modules_see_the_variables_of_the_asking_process_without_credentials",
    ),
    "upgraded ourselves: a notebook keeps its code only when it starts a plan": Mutation(
        file="notebook/service.py",
        code="\nkeep_own_code()\n",
        instead="\n",
        test="worker/test_code_snapshot.py"
        "::test_process_that_lives_on_imports_every_module_of_its_version[notebook]",
    ),
    "upgraded ourselves: what is imported late is of the other version": Mutation(
        file="backends/worker/code_snapshot.py",
        code="    sys.meta_path.insert(0, _Finder)",
        instead="    return",
        test="worker/test_code_snapshot.py::test_late_import_is_of_the_loaded_version",
    ),
    "running kernel: a wrapper's Python is taken for its own": Mutation(
        file="core/kernel_commands.py",
        code="return start is not None and program_position(words, start) == 0",
        instead="return start is not None",
        test="contract/test_kernel_processes.py"
        "::test_process_of_a_kernel_tells_its_interpreter[module that starts it]",
    ),
    "running kernel: what only waits is taken for it": Mutation(
        file="backends/processes/kernel_processes.py",
        code="    if not ports:\n        return None\n",
        instead="    return processes[0]\n",
        test="contract/test_kernel_processes.py"
        "::test_process_that_only_waits_for_a_distant_kernel_is_not_the_kernel",
    ),
    "running kernel: its program may be elsewhere": Mutation(
        file="backends/processes/process_info.py",
        code='if (place / "exe").samefile(program):',
        instead="if True:",
        test="contract/test_kernel_processes.py"
        "::test_process_with_another_program_than_its_name_says_is_refused",
    ),
    "kernel specification: any module is a kernel": Mutation(
        file="core/kernel_commands.py",
        code="if pattern(program) and not _follows",
        instead="if not _follows",
        test="unit/test_kernel_commands.py"
        "::test_command_whose_python_is_unsure_is_not_asked[command3]",
    ),
    "kernel specification: an answer from elsewhere counts": Mutation(
        file="backends/environment/launch_command.py",
        code="if status is None or (str(status.st_dev), str(status.st_ino)) != (device, inode):",
        instead="if status is None:",
        test="server/test_kernel_interpreter.py"
        "::test_python_that_answers_from_elsewhere_is_refused",
    ),
    "kernel without a process: its command is believed": Mutation(
        file="server/kernel_interpreter.py",
        code='        raise KernelElsewhere(kernel.id, "it has no process on this machine")\n',
        instead="        return Path(sys.executable)\n",
        test="server/test_distant_kernels.py"
        "::test_kernel_without_a_process_here_is_refused[distant-refusal0]",
    ),
    "headless kernel: it is not seen": Mutation(
        file="core/kernel_commands.py",
        code="    if not _is_kernel(words):\n        return None\n",
        instead="    return None\n",
        test="contract/test_kernel_processes.py"
        "::test_headless_kernel_is_listed_with_the_notebook_that_is_executed",
    ),
    "notebook: that of the starting kernel is believed": Mutation(
        file="backends/processes/kernel_processes.py",
        code='if session and connection != "" and not is_inherited:',
        instead="if session:",
        test="contract/test_kernel_processes.py"
        "::test_session_name_of_a_starting_notebook_is_not_the_kernels",
    ),
    "follower: it reads the whole history": Mutation(
        file="operations/transactions.py",
        code="transaction = backend.journal.transaction(transaction_id)",
        instead="transaction = dict((t.id, t) for t in backend.journal.transactions()).get("
        "transaction_id)",
        test="server/test_event_feed.py::test_look_at_a_transaction_reads_no_other",
    ),
    "followers: each reads for itself": Mutation(
        file="server/event_feed.py",
        code="        feed = self._feeds.get(key)\n",
        instead="        feed = None\n",
        test="server/test_event_feed.py::test_followers_share_the_reads_of_a_transaction",
    ),
    "transaction: any path is an id": Mutation(
        file="backends/history/journal.py",
        code="not is_transaction_id(transaction_id) or ",
        instead="",
        test="contract/test_journal.py::test_transaction_of_another_environment_is_not_read",
    ),
    "slow sender: it is waited for": Mutation(
        file="server/base_handler.py",
        code="        connection.set_body_timeout(self.context.body_seconds)\n",
        instead="",
        test="server/test_event_feed.py::test_sender_that_never_ends_its_body_is_disconnected",
    ),
    "wrong password: uv says that there is no such project": Mutation(
        file="backends/installer/uv.py",
        code="self._explain(completed) if denied is None else denied.sentence()",
        instead="self._explain(completed)",
        test="contract/test_network_settings.py::test_password_that_is_wrong_by_now_is_named",
    ),
    "rehearsal: a new error beside noise is excused": Mutation(
        file="analysis/run_comparison.py",
        code="for cell in self._plain}:\n            return Verdict.BROKEN\n",
        instead="for cell in self._plain}:\n            pass\n",
        test="unit/test_noisy_runs.py::test_new_error_beside_a_clock_counts",
    ),
    "rehearsal: noise hides the whole output": Mutation(
        file="analysis/noise.py",
        code="        return _matches(self.items, lines)\n",
        instead="        return self.is_noisy or _matches(self.items, lines)\n",
        test="unit/test_noisy_runs.py::test_other_result_beside_noise_counts",
    ),
    "rehearsal: what could not be tried passes": Mutation(
        file="operations/culprit_search.py",
        code="        if plan and rehearsal.untried and not self._allow_untried:\n",
        instead="        if False:\n",
        test="unit/test_culprit_search.py::test_cell_that_fails_already_refuses_the_plan",
    ),
    "rehearsal: all pictures are alike": Mutation(
        file="analysis/pictures.py",
        code="    return differing <= GRID * GRID * _MAX_DIFFERING_PART\n",
        instead="    return True\n",
        test="unit/test_noisy_runs.py::test_picture_may_differ_a_little[after1-different output]",
    ),
    "rehearsal: the project around a notebook is not copied": Mutation(
        file="backends/sandbox/project_root.py",
        code="    for marks in _MARKS:\n",
        instead="    for marks in ():\n",
        test="contract/test_notebook_in_a_project.py::test_notebook_finds_the_project_around_it",
    ),
    "rehearsal: the copy has hard links to the originals": Mutation(
        file="backends/sandbox/folder_tree.py",
        code="_copy_file(tree.original(file), target / file)",
        instead="os.link(tree.original(file), target / file)",
        test="contract/test_notebook_in_a_project.py::test_writes_of_a_cell_stay_in_the_copy",
    ),
    "rehearsal: an absolute link leads back to the original": Mutation(
        file="backends/sandbox/folder_tree.py",
        code="return Path(os.path.relpath(path.parent / text, path.parent))",
        instead="return text",
        test="contract/test_notebook_in_a_project.py::test_writes_of_a_cell_stay_in_the_copy",
    ),
    "rehearsal: Python may write to the originals": Mutation(
        file="backends/sandbox/run_folder.py",
        code='return {"protected": sorted(protected),',
        instead='return {"protected": [],',
        test="contract/test_notebook_in_a_project.py"
        "::test_python_is_refused_to_write_to_the_originals",
    ),
    "rehearsal: the home folder is copied": Mutation(
        file="backends/sandbox/project_root.py",
        code="        return True\n    return folder ==",
        instead="        return False\n    return folder ==",
        test="unit/test_notebook_copy.py::test_hidden_entries_of_the_home_folder_are_never_copied",
    ),
    "rehearsal: null metadata is no notebook": Mutation(
        file="analysis/notebook_file.py",
        code="return value if isinstance(value, dict) else {}",
        instead="return value",
        test="unit/test_notebook_file.py"
        "::test_code_is_read_whatever_other_fields_hold[utf-8-null everywhere]",
    ),
    "verification: what depends on the place is not imported in place": Mutation(
        file="operations/affected_packages.py",
        code="        if unproven is None:\n            return self.modules\n",
        instead="        unproven = unproven or ()\n",
        test="faults/test_verified_imports.py"
        "::test_dependent_that_another_place_breaks_is_found_in_place[reads-False]",
    ),
    "verification: what awaits a file is not imported in place": Mutation(
        file="operations/verification.py",
        code="        unproven=awaited if is_proven else None,\n",
        instead="        unproven=frozenset() if is_proven else None,\n",
        test="faults/test_verified_imports.py"
        "::test_dependent_that_another_place_breaks_is_found_in_place[awaits-False]",
    ),
    "verification: mapped libraries are not noticed": Mutation(
        file="backends/sandbox/scripts/watch_replaced.py",
        code="    return [path for path in watched if path in mapped]\n",
        instead="    return []\n",
        test="faults/test_verified_imports.py"
        "::test_dependent_that_another_place_breaks_is_found_in_place[maps-False]",
    ),
    "verification: startup files prove as modules do": Mutation(
        file="operations/verification.py",
        code=" and not scope.changes_startup\n",
        instead="\n",
        test="faults/test_verified_imports.py"
        "::test_dependent_that_a_startup_file_breaks_is_found_in_place",
    ),
    "preparations: what is unproven is forgotten": Mutation(
        file="backends/sandbox/preparations.py",
        code='"unproven": None if result.unproven is None else sorted(result.unproven),',
        instead='"unproven": [],',
        test="faults/test_verified_imports.py"
        "::test_dependent_that_another_place_breaks_is_found_in_place[reads-True]",
    ),
    "RECORD: a file that was changed just now is kept": Mutation(
        file="backends/environment/parsed_files.py",
        code=" - max(stat_key[3:]) >= SETTLED_LOCAL_NS\n",
        instead=" >= 0\n",
        test="unit/test_parsed_files.py::test_file_that_was_changed_just_now_is_not_kept",
    ),
    "RECORD: the times of a change do not count": Mutation(
        file="backends/environment/parsed_files.py",
        code="    times = status.st_mtime_ns, status.st_ctime_ns\n",
        instead="    times = status.st_mtime_ns, status.st_mtime_ns\n",
        test="unit/test_parsed_files.py::test_changed_file_is_parsed_again[content]",
    ),
}


@pytest.fixture
def project_copy(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", "artefacts", "_version.py")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def run_test(project_copy: Path, test: str) -> subprocess.CompletedProcess[str]:
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:nbval", "--tb=short"]
    options += ["--override-ini", "addopts=--import-mode=importlib"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"tests/{test}"],
        cwd=project_copy,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


@pytest.mark.parametrize("name", MUTATIONS)
def test_mutation_makes_its_test_fail(project_copy: Path, name: str) -> None:
    mutation = MUTATIONS[name]
    file = project_copy / "pkgwidgets" / mutation.file
    text = file.read_text("utf-8")
    assert text.count(mutation.code) == 1, "the code is another now"
    file.write_text(text.replace(mutation.code, mutation.instead), "utf-8")
    done = run_test(project_copy, mutation.test)
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-1000:]
    assert "1 failed" in done.stdout
    print(f"{name}\n{mutation.test}", *FAILED.findall(done.stdout)[-1:], sep="\n")
