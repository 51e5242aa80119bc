"""An agent changes packages through a real MCP server, if the user of JupyterLab allows it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from agents import mcp_server
from agents.mcp_server import Agent, McpLab
from jupyterlab_server import chromium as start_chromium
from jupyterlab_server import take_picture
from playwright.sync_api import Browser, Page, expect
from scratch_notebooks import write as write_notebook

from pkgwidgets import demo
from pkgwidgets.agents.annotations import ANNOTATIONS
from pkgwidgets.agents.tools import TOOLS
from pkgwidgets.demo import Demo

pytestmark = pytest.mark.slow

VERBS = ("List", "Plan", "Read", "Tell", "Run", "Apply", "Undo")
GUIDE = mcp_server.ROOT / "notebooks" / "agents.ipynb"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with start_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def garden() -> Iterator[Demo]:
    with demo.start() as running:
        yield running


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mcp_server.install(tmp_path_factory.mktemp("mcp") / "env")


@pytest.fixture(scope="module")
def lab(python: Path, garden: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[McpLab]:
    home = tmp_path_factory.mktemp("home")
    with mcp_server.serve(python, garden, home, "--PkgwidgetsAgents.answer_seconds=3") as running:
        yield running


@pytest.fixture(scope="module")
def kernel(lab: McpLab) -> str:
    return lab.start_kernel()


@pytest.fixture
def agent(python: Path, lab: McpLab) -> Iterator[Agent]:
    with Agent(python, lab) as running:
        yield running


@pytest.fixture
def page(lab: McpLab, chromium: Browser) -> Iterator[Page]:
    """JupyterLab, open in a window."""
    window = chromium.new_context(viewport={"width": 1400, "height": 913})
    opened = window.new_page()
    opened.goto(lab.page)
    expect(opened.locator(".jp-Launcher")).to_be_visible()
    yield opened
    window.close()


def version(garden: Demo) -> str:
    (folder,) = garden.site_packages.glob("seedshelf-*.dist-info")
    return folder.name.removesuffix(".dist-info").partition("-")[2]


def read_plan(agent: Agent, kernel: str) -> str:
    """Plan the upgrade of seedshelf, and read all of the plan; return its id."""
    plan = str(agent.call("packages_plan", kernel=kernel, upgrade=["seedshelf"])["json"]["plan"])
    assert "next_offset" not in agent.call("packages_read_plan", plan=plan)["json"]
    return plan


def error_of(answer: dict[str, Any]) -> dict[str, Any]:
    assert answer["is_error"]
    error: dict[str, Any] = answer["json"]["error"]
    return error


def answer_with(page: Page, label: str) -> None:
    """Choose a button of the question that JupyterLab shows."""
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("The agent's client calls itself: Gardener")
    dialog.get_by_role("button", name=label).click()
    expect(dialog).to_have_count(0)


def test_tools_say_what_they_do(agent: Agent) -> None:
    tools = {tool["name"]: tool for tool in agent.tools()}
    assert [*tools] == [tool.__name__ for tool in TOOLS]
    for name, tool in tools.items():
        told = tool["annotations"].items()
        assert {to_camel_case(key): value for key, value in told if value is not None} == (
            ANNOTATIONS[name]
        )
        assert tool["description"].startswith(VERBS)


def to_camel_case(name: str) -> str:
    return re.sub("_([a-z])", lambda match: match[1].upper(), name)


def test_upgrade_by_plan_rehearsal_apply_and_undo(
    agent: Agent, lab: McpLab, garden: Demo, kernel: str, page: Page
) -> None:
    write_notebook(lab.folder / "bed.ipynb", "import seedshelf\nprint(seedshelf.sow('bean'))")
    kernels = agent.call("packages_kernels")["json"]["rows"]
    assert [row["kernel"] for row in kernels] == [kernel]
    agent.call("packages_updates", kernel=kernel)
    plan = read_plan(agent, kernel)
    agent.send("packages_rehearse", plan=plan, notebook="bed.ipynb")
    answer_with(page, "Run")
    assert agent.receive()["json"]["passed"] is True
    agent.send("packages_apply", plan=plan)
    expect(page.locator(".jp-Dialog")).to_contain_text("upgrade seedshelf: 1.4.1 → 1.4.2")
    take_picture(page, "agent-asks")
    answer_with(page, "Apply")
    applied = agent.receive()
    assert applied["json"]["transaction"]["outcome"] == "committed"
    change = applied["json"]["transaction"]
    assert change["requested_by"]["quoted"] == "the agent Gardener"
    assert applied["progress"]
    assert version(garden) == "1.4.2"
    agent.call("packages_restart", kernel=kernel)
    agent.send("packages_undo", kernel=kernel, transaction=change["id"])
    answer_with(page, "Undo")
    assert agent.receive()["json"]["transaction"]["outcome"] == "committed"
    assert version(garden) == "1.4.1"
    history = agent.call("packages_history", kernel=kernel)["json"]["rows"]
    assert {row["requested_by"]["quoted"] for row in history} == {"the agent Gardener"}
    assert max(map(len, agent.transcript)) < 20_000
    compare_with_guide(normalized("\n".join(agent.transcript)))


def compare_with_guide(transcript: str) -> None:
    """Compare a session with that of the guide; with PKGWIDGETS_WRITE=1, write it there."""
    content = nbformat.read(GUIDE, as_version=4)  # type: ignore[no-untyped-call]
    (cell,) = (cell for cell in content.cells if ">>> packages_" in cell.source)
    shown = f"```text\n{transcript}\n```"
    if os.environ.get("PKGWIDGETS_WRITE"):
        cell.source = shown
        nbformat.write(content, GUIDE)  # type: ignore[no-untyped-call]
    assert cell.source == shown


def normalized(transcript: str) -> str:
    """Replace what differs from run to run: ids, times, sizes."""
    for pattern, text in (
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "KERNEL"),
        (r"\b[0-9a-f]{32}\b", "PLAN"),
        (r'"(id|undoes)": "[^"]*"', r'"\1": "CHANGE"'),
        (r'transaction="[^"]*"', 'transaction="CHANGE"'),
        (r"\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|\+00:00)", "TIME"),
        (r'"(download_bytes|size)": \d+', r'"\1": 1000'),
    ):
        transcript = re.sub(pattern, text, transcript)
    return transcript


def test_user_who_refuses_or_does_not_answer_is_obeyed(
    agent: Agent, garden: Demo, kernel: str, page: Page
) -> None:
    plan = read_plan(agent, kernel)
    agent.send("packages_apply", plan=plan)
    answer_with(page, "Don’t allow")
    refused = error_of(agent.receive())
    assert (refused["code"], refused["message"]["quoted"]) == (
        "not-allowed",
        "The user did not allow it.",
    )
    unanswered = error_of(agent.call("packages_apply", plan=plan))
    assert unanswered["message"]["quoted"] == "The user did not answer."
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    assert version(garden) == "1.4.1"


def test_without_an_open_page_it_is_refused(agent: Agent, garden: Demo, kernel: str) -> None:
    plan = read_plan(agent, kernel)
    refused = error_of(agent.call("packages_apply", plan=plan))
    assert refused["message"]["quoted"] == "No JupyterLab is open that could ask the user."
    assert version(garden) == "1.4.1"


def test_plan_that_is_not_of_this_server_or_not_read_is_refused(
    agent: Agent,
    python: Path,
    lab: McpLab,
    garden: Demo,
    kernel: str,
    tmp_path: Path,
) -> None:
    made_up = error_of(agent.call("packages_apply", plan="0" * 32))
    assert (made_up["code"], made_up["next_tool"]) == ("plan-not-found", "packages_plan")
    with mcp_server.serve(python, garden, tmp_path / "home") as other:
        other_kernel = other.start_kernel()
        with Agent(python, other) as other_agent:
            plan = read_plan(other_agent, other_kernel)
    assert error_of(agent.call("packages_apply", plan=plan))["code"] == "plan-not-found"
    unread = agent.call("packages_plan", kernel=kernel, upgrade=["seedshelf"])["json"]["plan"]
    assert error_of(agent.call("packages_apply", plan=unread))["code"] == "plan-not-read"
    stale = read_plan(agent, kernel)
    lab.request("PUT", f"pkgwidgets/packages/seedshelf/upgrade?kernel={kernel}", {})
    refused = error_of(agent.call("packages_apply", plan=stale))
    assert (refused["code"], refused["next_tool"]) == ("stale-plan", "packages_plan")
    undo_last_change(lab, kernel)
    assert version(garden) == "1.4.1"


def undo_last_change(lab: McpLab, kernel: str) -> None:
    (last, *_) = lab.request("GET", f"pkgwidgets/transactions?kernel={kernel}")["transactions"]
    lab.request("POST", f"pkgwidgets/transactions/{last['id']}/undo?kernel={kernel}", {})


def test_answers_are_json_that_fits(agent: Agent, kernel: str) -> None:
    for tool in ("packages_list", "packages_updates", "packages_advisories", "packages_history"):
        answer = agent.call(tool, kernel=kernel)
        assert len(json.dumps(answer)) < 20_000
        assert answer["json"]["total"] == len(answer["json"]["rows"])
