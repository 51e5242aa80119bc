"""A JupyterHub: what each of three Unix users sees and may change, in a shared and an own one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.tree import rows
from hub import USERS, Hub, running_hub

pytestmark = pytest.mark.slow

ADMIN, ADA, BOB = USERS
UPGRADE = "packages/pea/upgrade"
PLAN = {"upgrade": ["pea"]}


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with running_hub() as hub:
        hub.start_servers()
        yield hub


@pytest.fixture(scope="module")
def tokens(hub: Hub) -> dict[str, str]:
    return {name: hub.token(name) for name in USERS}


@pytest.mark.parametrize("name", USERS)
def test_user_lists_and_plans_in_the_shared_environment(
    hub: Hub, tokens: dict[str, str], name: str
) -> None:
    listed = hub.ask(tokens[name], name, "GET", "packages/by-name/pea?check_updates=true")
    assert listed.status == 200, listed
    assert listed.json["package"]["latest_version"] == "2.0"
    planned = hub.ask(tokens[name], name, "POST", "plans", PLAN)
    assert planned.status == 200, planned
    (change,) = planned.json["plan"]["changes"]
    assert (change["before"], change["after"]) == ("1.0", "2.0")
    warnings = " ".join(planned.json["plan"]["warnings"])
    assert "You may not apply this plan" in warnings
    assert "It may be changed by root" in warnings
    assert "The kernel own has an environment that you may change" in warnings


@pytest.mark.parametrize("name", USERS)
def test_change_of_the_shared_environment_is_refused_with_the_way_on(
    hub: Hub, tokens: dict[str, str], name: str
) -> None:
    refused = hub.ask(tokens[name], name, "PUT", UPGRADE)
    assert refused.status == 403, refused
    error = refused.json["error"]
    assert error["code"] == "environment-refused"
    assert "It may be changed by root" in error["message"]
    assert "?kernelspec=own" in error["hint"]
    assert error["kernel"] == "own"
    assert not (hub.shared / ".pkgwidgets").exists()


@pytest.mark.parametrize("name", [ADA, BOB])
def test_user_upgrades_and_undoes_in_an_own_environment(
    hub: Hub, tokens: dict[str, str], name: str
) -> None:
    done = hub.ask(tokens[name], name, "PUT", f"{UPGRADE}?kernelspec=own")
    assert done.status == 200, done
    transaction = done.json["transaction"]
    assert (transaction["user"], transaction["requested_by"]) == (name, name)
    undo = f"transactions/{transaction['id']}/undo?kernelspec=own"
    undone = hub.ask(tokens[name], name, "POST", undo)
    assert undone.status == 200, undone
    listed = hub.ask(tokens[name], name, "GET", "transactions?kernelspec=own")
    assert len(listed.json["transactions"]) == 2


def test_history_names_the_administrator_who_acts_on_the_server_of_a_user(
    hub: Hub, tokens: dict[str, str]
) -> None:
    assert hub.ask(tokens[ADA], ADA, "PUT", f"{UPGRADE}?kernelspec=own").status == 200
    listed = hub.ask(tokens[ADA], ADA, "GET", "transactions?kernelspec=own")
    newest = listed.json["transactions"][0]
    acting = hub.ask(tokens[ADMIN], ADA, "POST", f"transactions/{newest['id']}/undo?kernelspec=own")
    assert acting.status == 200, acting
    transaction = acting.json["transaction"]
    assert (transaction["user"], transaction["requested_by"]) == (ADA, ADMIN)


@pytest.mark.parametrize("path", ["packages", "transactions", "transactions/x", "openapi.json"])
def test_user_sees_nothing_on_the_server_of_another(
    hub: Hub, tokens: dict[str, str], path: str
) -> None:
    refused = hub.ask(tokens[ADA], BOB, "GET", f"{path}?kernelspec=own")
    assert refused.status == 403, refused
    assert hub.ask("", BOB, "GET", path).status == 403
    assert f"access:servers!server={BOB}/" in refused.json["error"]["message"]
    assert "scope" in refused.json["error"]["hint"]


def test_user_cannot_read_the_events_of_another_from_an_own_server(
    hub: Hub, tokens: dict[str, str]
) -> None:
    """Even if a kernel specification of Ada leads to the environment of Bob."""
    code = (
        "import json, os\n"
        f"folder = os.path.expanduser('~{ADA}/.local/share/jupyter/kernels/bobs')\n"
        "os.makedirs(folder)\n"
        f"argv = [{str(hub.own[BOB] / 'bin/python')!r}, '-m', 'ipykernel_launcher', '-f', 'x']\n"
        "spec = {'argv': argv, 'display_name': 'bobs', 'language': 'python'}\n"
        "json.dump(spec, open(folder + '/kernel.json', 'w'))\n"
    )
    done = hub.machine.run_command(hub.users[ADA], [str(hub.machine.python), "-c", code])
    assert done.returncode == 0, done.stderr
    for path in ("packages", "transactions"):
        answer = hub.ask(tokens[ADA], ADA, "GET", f"{path}?kernelspec=bobs")
        assert answer.status == 403, answer
        assert "transactions" not in answer.json


def test_token_without_the_scope_is_told_which_one_it_lacks(hub: Hub) -> None:
    token = hub.token(ADA, f"read:users:name!user={ADA}")
    for method, path in (("GET", "packages"), ("PUT", UPGRADE)):
        refused = hub.ask(token, ADA, method, path)
        assert refused.status == 403, refused
        error = refused.json["error"]
        assert f"The token of {ADA} is valid, but lacks the scope" in error["message"]
        assert f"access:servers!server={ADA}/" in error["message"]
        assert "Use a token that has this scope" in error["hint"]


def test_unknown_token_is_told_to_log_in(hub: Hub) -> None:
    refused = hub.ask("0" * 32, ADA, "GET", "packages")
    assert refused.status == 403, refused
    assert "scope" not in refused.json["error"]["message"]


def test_user_makes_a_copy_of_the_shared_environment_and_upgrades_in_it(
    hub: Hub, tokens: dict[str, str]
) -> None:
    """No file of another user changes, and all new files are in Ada's home."""
    others = [hub.shared, hub.own[ADMIN], hub.own[BOB]]
    before = [rows(folder) for folder in others]
    body = {"name": "mine", "only": ["pea", "ipykernel"]}
    made = hub.ask(tokens[ADA], ADA, "POST", "environments", body)
    assert made.status == 200, made
    copy = made.json["environment"]
    home = hub.machine.folder / "homes" / ADA
    assert Path(copy["folder"]).is_relative_to(home)
    assert copy["kernel"] == "pkgwidgets-mine"
    upgraded = hub.ask(tokens[ADA], ADA, "PUT", f"{UPGRADE}?kernelspec=pkgwidgets-mine")
    assert upgraded.status == 200, upgraded
    listed = hub.ask(tokens[ADA], ADA, "GET", "packages/by-name/pea?kernelspec=pkgwidgets-mine")
    assert listed.json["package"]["version"] == "2.0"
    here = hub.ask(tokens[ADA], ADA, "GET", "packages/by-name/pea")
    assert here.json["package"]["version"] == "1.0"
    assert [rows(folder) for folder in others] == before
    ours = {path.lstat().st_uid for path in (home / ".local/share/pkgwidgets").rglob("*")}
    assert ours == {hub.users[ADA].uid}
    seen = hub.ask(tokens[BOB], BOB, "GET", "environments")
    assert seen.json["environments"] == []
    assert hub.ask(tokens[BOB], BOB, "GET", "packages?kernelspec=pkgwidgets-mine").status == 404
    removed = hub.ask(tokens[ADA], ADA, "DELETE", "environments/mine")
    assert removed.status == 200, removed
    assert not Path(copy["folder"]).exists()
