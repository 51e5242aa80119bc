"""A server process, used with `requests` and as the reference shows."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from held_transactions import eventually
from server.server_process import TOKEN, ServerProcess, start_server

from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel

pytestmark = pytest.mark.slow

REFERENCE = (Path(__file__).parents[2] / ".github" / "REFERENCE.md").read_text("utf-8")
SECTION = re.split(r"^## ", REFERENCE, flags=re.MULTILINE)
REST = next(section for section in SECTION if section.startswith("REST\n"))
ON_THE_DEMO = {"pandas": "raintable", "2.3.3": "2.4.0", "polars": "peapod"}
"""The packages of the demo that replace those of the reference."""


@pytest.fixture
def server(garden: Demo, published: Callable[..., None], tmp_path: Path) -> Iterator[ServerProcess]:
    published(BuiltWheel(name="peapod", version="1.2", files={"peapod.py": ""}))
    with start_server(garden, tmp_path) as running:
        yield running


def examples_in(language: str) -> list[str]:
    """Return the examples of the reference's section, with the demo's names."""
    examples: list[str] = re.findall(rf"```{language}\n(.*?)```", REST, re.DOTALL)
    for name, other in ON_THE_DEMO.items():
        examples = [block.replace(name, other) for block in examples]
    return examples


def test_server_under_a_hub_base_url_works(garden: Demo, tmp_path: Path) -> None:
    headers = {"Authorization": f"token {TOKEN}"}
    with start_server(garden, tmp_path, "--ServerApp.base_url=/user/some@body/") as running:
        assert running.url.endswith("/user/some@body/")
        address = f"{running.url}pkgwidgets"
        assert requests.get(f"{address}/packages", timeout=60).status_code == 403
        contract = requests.get(f"{address}/openapi.json", headers=headers, timeout=60).json()
        assert contract["servers"] == [{"url": "/user/some@body/pkgwidgets"}]
        started = requests.put(
            f"{address}/packages/seedshelf/upgrade?kernelspec=garden",
            json={},
            headers={**headers, "Prefer": "wait=1, respond-async"},
            timeout=60,
        )
        assert started.status_code == 202
        place = started.headers["Location"]
        assert place.startswith("/user/some@body/pkgwidgets/transactions/")
        assert place.endswith("?kernelspec=garden")
        root = running.url.removesuffix("/user/some@body/")
        events = requests.get(
            root + place, headers={**headers, "Accept": "text/event-stream"}, timeout=60
        )
        last = json.loads(events.text.rstrip().rpartition("data: ")[2])
        assert last["transaction"]["outcome"] == "committed"
        assert last["transaction"]["process"] == "server"
        log = running.log.read_text("utf-8")
        assert "pkgwidgets serves its REST API under /user/some@body/pkgwidgets/" in log
        assert not re.search(r"- \w+ of \w+ registered for \S*pkgwidgets", log)  # a warning
        assert "Traceback" not in log


def test_reference_curl_commands_work(server: ServerProcess, garden: Demo) -> None:
    [block] = examples_in("sh")
    garden.index.withdraw("harvestscale", "3.3.0")
    lines = [line.partition("  #")[0].strip() for line in block.strip().splitlines()]
    assert len(lines) == 17
    answers = run_curls(server, lines[0], *lines[1:-1])
    assert [answer["success"] for answer in answers] == [True] * 15, answers
    installed, one, updates, plan, upgraded, everything, new, uninstalled, *others = answers
    published, listed, held, unheld, history, lock, copying = others
    assert published["publishers"] is not None
    assert len(installed["packages"]) == 11
    assert one["package"]["latest_version"] == "3.1.0"
    assert "raintable" in {result["id"] for result in updates["updates"]}
    assert plan["plan"]["changes"][0]["after"] == "2.4.0"
    assert upgraded["package"]["version"] == "2.4.0"
    assert {result["success"] for result in everything["results"]} == {True}
    assert new["package"]["version"] == "1.2"
    assert uninstalled["transaction"]["changes"][0]["kind"] == "remove"
    assert listed["holds"] == []
    assert held["transaction"]["holds"] != []
    assert unheld["transaction"]["holds"] != []
    assert len(history["transactions"]) == 6
    assert "allotboard==1.67.0 \\" in lock["export"]["text"].splitlines()
    look = lines[-1].replace("/ID", f"/{copying['operation']['id']}")
    eventually(lambda: run_curls(server, lines[0], look)[0]["operation"]["state"] == "done")


def run_curls(server: ServerProcess, alias: str, *lines: str) -> list[dict[str, Any]]:
    """Run lines of the shell, and return the body of each answer."""
    script = "\n".join(["shopt -s expand_aliases", alias, *(f"{line}; echo" for line in lines)])
    done = subprocess.run(
        ["bash", "-euc", script], env=server.variables, check=True, capture_output=True, text=True
    )
    return [json.loads(line) for line in done.stdout.strip().splitlines()]


def test_reference_job_and_follow_example_works(server: ServerProcess, garden: Demo) -> None:
    job, follow = examples_in("python")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", job + follow],
        env=server.variables,
        check=True,
        capture_output=True,
        text=True,
    )
    lines = done.stdout.splitlines()
    assert "seedshelf: 1.4.1 → 1.4.2" in lines
    assert "frostcall: left alone; a major update" in lines
    failed = "harvestscale: The new packages failed the check"  # and went on
    assert any(line.startswith(failed) for line in lines)
    assert any(line.startswith("raintable: left alone; allotboard") for line in lines)
    assert lines[-1] == "committed"
