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
COPIED = ("pkgwidgets", "tests", "pyproject.toml", "README.md")
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
        code="        _has_release_since(snapshot, answers, name, transaction.started)\n",
        instead="        False\n",
        test="integration/test_breakages.py::test_new_release_is_tried",
    ),
    "all packages of a refused plan are blamed": Mutation(
        file="operations/package_rows.py",
        code="        if blamed and name not in blamed:\n",
        instead="        if False:\n",
        test="integration/test_breakages.py::test_only_the_blamed_packages_are_marked",
    ),
    "an undo parses all code": Mutation(
        file="backends/environment/record_files.py",
        code="        names = {str(path) for path in replaced}\n",
        instead="        names = {str(p) for p in replaced if not file_effects.has_no_effect(p)}\n",
        test="contract/test_record_files.py::test_undo_reads_no_code_of_files_with_one_owner",
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
        code="_call_regularly(self._copies, tick, self._files_per_tick)",
        instead="[f\"{self._objects}/{row['object']}\" for row in files]",
        test="contract/test_savepoint.py::test_save_syncs_copies_and_not_each_link",
    ),
    "power cut: a saved copy is not synced": Mutation(
        file="backends/store/savepoint.py",
        code="                filesystem.sync_path(path)\n",
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
    "killed: the old files are not put back": Mutation(
        file="operations/recovery.py",
        code="differences = save_point.restore()",
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
        code='    filesystem.remove(dist_info / "REQUESTED")\n',
        instead='    (dist_info / "REQUESTED").unlink()\n',
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
        code="            return recover_possible(backend)\n    except DiskFailed as error:\n"
        "        error.state = DISK_INTERRUPTED\n",
        instead="            return recover_possible(backend)\n    except DiskFailed as error:\n",
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
        code="    if failing:\n        is_for_everything",
        instead="    if False:\n        is_for_everything",
        test="faults/test_bad_wheels.py"
        "::test_bad_upgrade_is_explained_and_leaves_the_environment_unchanged[1 import raises]",
    ),
    "bad wheels: nothing is looked at in the environment": Mutation(
        file="operations/apply.py",
        code="    if problems:\n        raise VerificationFailed(transaction_id, problems)\n",
        instead="",
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
        code=", failure=failure_json)",
        instead=")",
        test="worker/test_incomplete.py"
        "::test_follow_reports_files_reasons_and_command_of_a_failed_rollback",
    ),
    "cancelled: saving does not notice it": Mutation(
        file="operations/apply.py",
        code="paths.saved, lambda: report(Event(stage=Stage.SAVING)), folders=paths.folders",
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
        file="operations/apply.py",
        code="        backend.records.raise_if_owned(plan, undone.differing())\n",
        instead="",
        test="faults/test_shared_files.py"
        "::test_undo_does_not_overwrite_the_code_of_a_later_install",
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
        file="backends/store/savepoint.py",
        code='if row["type"] == "link" and self._leads_outside(path):',
        instead="if False:",
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
    "upgraded ourselves: what is imported late is of the other version": Mutation(
        file="backends/worker/code_snapshot.py",
        code="    sys.meta_path.insert(0, _Finder)",
        instead="    return",
        test="worker/test_code_snapshot.py::test_late_import_is_of_the_loaded_version",
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
