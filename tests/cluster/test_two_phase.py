"""Every apply on a cluster ends with the old packages everywhere, or with the new ones."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from cluster import simulated_runs
from cluster.simulated_cluster import (
    ROUGH,
    Faults,
    MemoryLog,
    SimulatedEnvironment,
    VirtualLoop,
    let_leaders_end,
    make_environments,
    run,
)

from pkgwidgets.cluster.participants import ApplyLimits, EnvironmentEvent, Step
from pkgwidgets.cluster.two_phase import Settlement, TwoPhaseApply, waves
from pkgwidgets.cluster.values import ClusterOutcome, EnvironmentState
from pkgwidgets.core.errors import InvalidRequest, RollbackFailed
from pkgwidgets.core.events import Event
from pkgwidgets.core.interfaces import Report, no_report

ROUGHER = Faults(
    fails_to_prepare=0.02,
    fails_to_commit=0.05,
    fails_to_revert=0.2,
    loses_request=0.05,
    loses_reply=0.05,
    dies_while_committing=0.03,
)
SMOOTH = Faults()
LIMITS = ApplyLimits(prepare_seconds=60, commit_seconds=60, revert_seconds=60)


def apply(
    environments: list[SimulatedEnvironment],
    log: MemoryLog | None = None,
    report: Report = no_report,
) -> tuple[Settlement, float]:
    async def main(loop: VirtualLoop) -> Settlement:
        log_or_new = log or MemoryLog()
        work = TwoPhaseApply(environments, log_or_new, limits=LIMITS, report=report)
        return await work.apply()

    return run(main)


async def end_later(environments: list[SimulatedEnvironment], log: MemoryLog) -> Settlement:
    """Do what later clients do: undo until every environment has answered."""
    while True:
        settled = await TwoPhaseApply(environments, log, limits=LIMITS).revert("it was interrupted")
        if settled.outcome is not ClusterOutcome.INCOMPLETE:
            return settled
        await asyncio.sleep(600)


def are_all(environments: list[SimulatedEnvironment], is_new: bool) -> bool:
    return {environment.is_new for environment in environments} == {is_new}


def check_end(environments: list[SimulatedEnvironment], settled: Settlement) -> None:
    assert settled.outcome is not ClusterOutcome.INCOMPLETE
    assert are_all(environments, settled.outcome is ClusterOutcome.COMMITTED)


@pytest.mark.parametrize("seed", range(8))
def test_500_environments_end_all_old_or_all_new(seed: int) -> None:
    environments = make_environments(500, seed, ROUGH)

    async def main(loop: VirtualLoop) -> Settlement:
        log = MemoryLog()
        settled = await TwoPhaseApply(environments, log, limits=LIMITS).apply()
        if settled.outcome is ClusterOutcome.INCOMPLETE:
            settled = await end_later(environments, log)
        await let_leaders_end(environments)
        return settled

    check_end(environments, run(main)[0])


@pytest.mark.parametrize("seed", range(150))
def test_few_environments_with_many_faults_end_all_old_or_all_new(seed: int) -> None:
    environments = make_environments(1 + seed % 7, seed, ROUGHER)

    async def main(loop: VirtualLoop) -> Settlement:
        log = MemoryLog()
        settled = await TwoPhaseApply(environments, log, limits=LIMITS).apply()
        if settled.outcome is ClusterOutcome.INCOMPLETE:
            settled = await end_later(environments, log)
        await let_leaders_end(environments)
        return settled

    check_end(environments, run(main)[0])


def test_the_many_faults_let_some_commit_and_undo_others() -> None:
    ends = [apply(make_environments(1 + seed % 7, seed, ROUGHER))[0].outcome for seed in range(150)]
    assert {*ends} == {*ClusterOutcome}


@pytest.mark.parametrize("seed", range(60))
def test_a_killed_client_is_ended_by_a_later_one(seed: int) -> None:
    environments = make_environments(12, seed, ROUGHER if seed % 2 else SMOOTH)
    moment = Random(seed).uniform(0, 90)

    async def main(loop: VirtualLoop) -> Settlement:
        log = MemoryLog()
        client = asyncio.create_task(TwoPhaseApply(environments, log, limits=LIMITS).apply())
        await asyncio.wait([client], timeout=moment)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            if not any(task in environment.leaders for environment in environments):
                task.cancel()  # a killed client handles nothing
        await asyncio.wait([client])
        if log.steps[-1:] == [Step.COMMITTED]:
            await let_leaders_end(environments)
            return client.result()
        settled = await end_later(environments, MemoryLog())
        await let_leaders_end(environments)
        return settled

    check_end(environments, run(main)[0])


@pytest.mark.parametrize("seed", range(20))
def test_a_later_client_finishes_or_undoes_what_was_being_committed(seed: int) -> None:
    environments = make_environments(9, seed, ROUGHER)
    for environment in environments:
        environment.permitted = True
    environments[0].is_new = True

    async def main(loop: VirtualLoop) -> Settlement:
        log = MemoryLog()
        settled = await TwoPhaseApply(environments, log, limits=LIMITS).finish()
        if settled.outcome is ClusterOutcome.INCOMPLETE:
            settled = await end_later(environments, log)
        await let_leaders_end(environments)
        return settled

    check_end(environments, run(main)[0])


def test_time_grows_with_the_waves_and_not_with_the_environments() -> None:
    few, many = (apply(make_environments(count, 1, SMOOTH))[1] for count in (50, 500))
    slowest = 2 * SMOOTH.latency + SMOOTH.work
    assert many < slowest * (1 + len(list(waves(range(500)))))
    assert many < few * 2
    assert many > slowest


def test_no_failure_commits_everywhere_once() -> None:
    environments, log = make_environments(20, 0, SMOOTH), MemoryLog()
    settled, _ = apply(environments, log)
    assert [outcome.state for outcome in settled.environments] == [EnvironmentState.COMMITTED] * 20
    assert [environment.commits for environment in environments] == [1] * 20
    assert log.steps == [Step.PREPARING, Step.COMMITTING, Step.COMMITTED]


def test_failure_while_preparing_commits_nothing() -> None:
    environments, log = make_environments(20, 0, SMOOTH), MemoryLog()
    environments[7].faults = Faults(fails_to_prepare=1)
    settled, _ = apply(environments, log)
    assert settled.outcome is ClusterOutcome.ROLLED_BACK
    assert settled.error.startswith("node007:/env: the new packages failed the check")
    assert sum(environment.commits for environment in environments) == 0
    assert log.steps == [Step.PREPARING, Step.REVERTING, Step.REVERTED]


def test_failure_of_the_last_wave_undoes_all_others() -> None:
    environments, log = make_environments(20, 0, SMOOTH), MemoryLog()
    environments[19].faults = Faults(fails_to_commit=1)
    settled, _ = apply(environments, log)
    states = [outcome.state for outcome in settled.environments]
    assert states[:16] == [EnvironmentState.UNDONE] * 16
    assert states[19] is EnvironmentState.UNCHANGED
    assert are_all(environments, is_new=False)
    assert log.steps == [Step.PREPARING, Step.COMMITTING, Step.REVERTING, Step.REVERTED]


def test_first_environment_commits_alone() -> None:
    environments = make_environments(20, 0, SMOOTH)
    environments[0].faults = Faults(fails_to_commit=1)
    apply(environments)
    assert sum(environment.commits for environment in environments) == 0


def test_commit_that_takes_too_long_is_undone() -> None:
    environments = make_environments(3, 0, SMOOTH)
    environments[2].faults = Faults(work=2000)
    settled, _ = apply(environments)
    assert settled.outcome is not ClusterOutcome.COMMITTED
    assert "no answer within 60 seconds" in settled.error


def test_unreachable_environment_is_named_and_left_to_a_later_client() -> None:
    environments, log = make_environments(4, 0, SMOOTH), MemoryLog()
    environments[2].faults = Faults(loses_request=1)
    settled, _ = apply(environments, log)
    assert settled.outcome is ClusterOutcome.INCOMPLETE
    states = {outcome.environment: outcome for outcome in settled.environments}
    assert states["node002:/env"].state is EnvironmentState.UNKNOWN
    assert "the request was lost" in states["node002:/env"].error
    assert log.steps[-1] is Step.REVERTING


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (InvalidRequest("transaction", None, "a file was edited"), EnvironmentState.COMMITTED),
        (RollbackFailed("t", ("/env/pea.py",), "/env"), EnvironmentState.INCOMPLETE),
    ],
)
def test_environment_that_cannot_be_undone_is_tried_once(
    error: Exception, state: EnvironmentState
) -> None:
    class Edited(SimulatedEnvironment):
        async def revert(self) -> bool:
            self.reverts += 1
            raise error

    edited = Edited("node9:/env", Random(0), Faults(fails_to_commit=1))
    settled, _ = apply([*make_environments(2, 0, SMOOTH), edited])
    assert settled.outcome is ClusterOutcome.INCOMPLETE
    assert settled.environments[2].state is state
    assert settled.environments[2].error
    assert edited.reverts == 1


@pytest.mark.parametrize("moment", [0, 1, 5, 13, 20, 40])
def test_stop_undoes_everything(moment: float) -> None:
    environments = make_environments(20, 0, SMOOTH)

    async def main(loop: VirtualLoop) -> Settlement:
        work = TwoPhaseApply(environments, MemoryLog(), limits=LIMITS)
        loop.call_later(moment, work.stop)
        settled = await work.apply()
        await let_leaders_end(environments)
        return settled

    settled, _ = run(main)
    assert (settled.outcome, settled.error) == (ClusterOutcome.ROLLED_BACK, "it was cancelled")
    assert are_all(environments, is_new=False)


def test_stop_after_the_end_changes_nothing() -> None:
    environments = make_environments(2, 0, SMOOTH)

    async def main(loop: VirtualLoop) -> Settlement:
        work = TwoPhaseApply(environments, MemoryLog(), limits=LIMITS)
        settled = await work.apply()
        work.stop()
        return settled

    assert run(main)[0].outcome is ClusterOutcome.COMMITTED


def test_each_step_of_each_environment_is_reported() -> None:
    events: list[Event] = []
    apply(make_environments(3, 0, SMOOTH), report=events.append)
    told = [event.environment for event in events if isinstance(event, EnvironmentEvent)]
    assert sorted(told) == sorted(["node000:/env", "node001:/env", "node002:/env"] * 2)
    assert {event.text.partition(": ")[2] for event in events} == {"prepared", "committed"}


def test_waves_double() -> None:
    sizes = [len(wave) for wave in waves(range(20))]
    assert sizes == [1, 1, 2, 4, 8, 4]


def test_table_of_simulated_runs_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    simulated_runs.print_times()
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:-1]]
    assert [int(row[0]) for row in rows] == [*simulated_runs.COUNTS]
    few, many = (float(rows[place][2]) for place in (1, -1))
    assert many < few * 3
    assert simulated_runs.print_ends(3, ROUGH, "some") == 0
    assert "3 runs of 500 environments with some faults" in capsys.readouterr().out
