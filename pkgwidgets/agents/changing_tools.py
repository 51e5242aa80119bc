"""Tools that change an environment. The user is asked first."""

from __future__ import annotations

from functools import partial

from pkgwidgets.commands.plan_request import BackendPlanner, plan_for
from pkgwidgets.core.errors import EnvironmentBusy
from pkgwidgets.core.interfaces import Backend, Report
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.text import count_noun
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.operations import transactions
from pkgwidgets.server import plan_body
from pkgwidgets.server.handlers.reads import get_transaction
from pkgwidgets.server.threads import run_in_thread

from . import mcp_client
from .planning_tools import PLANS, change_lines, checked_unchanged
from .reading_tools import transaction_row
from .session import Answer, ask_user, backend_of, run, tool


@tool
async def packages_apply(plan: str) -> Answer:
    """Apply a plan: change the packages of its kernel's environment, all of it or nothing.

    Takes only the id of a plan that packages_plan made and that packages_read_plan has shown to the
    last row. The user is asked in JupyterLab and may refuse; without an open JupyterLab it is
    refused. The same plan can be tried again then, if the user requests it. The new packages are
    imported as a check; if that fails, the old ones are restored. Takes seconds to minutes; a
    cancelled call rolls back. Answers the change with its id, for packages_restart and for
    packages_undo, which goes back.
    """
    kept = PLANS.get_read(plan)
    backend = await backend_of(kept.kernel)
    await checked_unchanged(backend, plan, kept.plan)
    number = count_noun(len(kept.plan.changes), "package")
    await ask_user(f"Change {number}?", change_lines(kept.plan), "Apply")
    kept = PLANS.take(plan)  # it may have been applied or expired while the user read
    try:
        return await _apply(backend, kept.plan)
    except EnvironmentBusy:
        PLANS.keep_again(kept)
        raise


@tool
async def packages_undo(kernel: str, transaction: str) -> Answer:
    """Undo a change of a kernel's packages by its id, as packages_apply or packages_history has it.

    The user is asked in JupyterLab and may refuse; without an open JupyterLab it is refused. The
    old files are restored. An undo is a change of its own: it is in the history, and can be undone.
    Takes seconds. Afterwards packages_restart tells which kernels must restart.
    """
    backend = await backend_of(kernel)
    await run_in_thread(partial(get_transaction, backend, transaction))
    request = plan_body.undo(transaction)
    plan = await run(lambda report: plan_for(request, BackendPlanner(backend, report)))
    number = count_noun(len(plan.changes), "package")
    await ask_user(f"Undo a change of {number}?", change_lines(plan), "Undo")
    return await _apply(backend, plan)


async def _apply(backend: Backend, plan: Plan) -> Answer:
    """Apply a plan in the name of the client, and answer its transaction after its end."""
    agent = f"the agent {mcp_client.client_name()}"

    def start_and_follow(report: Report) -> Transaction:
        started = transactions.start(backend, plan, requested_by=agent)
        return transactions.follow(backend, started, report)

    done = await run(start_and_follow)
    return {"transaction": transaction_row(done), "next_tool": "packages_restart"}
