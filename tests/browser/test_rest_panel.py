"""The panel over REST: the same views, for kernels that cannot show it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import axe as axe_core
import pytest
import requests
from browser.in_sight import WINDOWS
from browser.rest_page import RestPage, started_kernel, write_kernelspec
from held_transactions import held_wheel
from jupyterlab_server import take_picture
from playwright.sync_api import Browser, expect
from server.server_process import TOKEN, ServerProcess, start_server

from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel

pytestmark = pytest.mark.slow
ALL = re.compile(r"^Upgrade all \(")


@pytest.fixture
def server(garden: Demo, tmp_path: Path) -> Iterator[ServerProcess]:
    with start_server(garden, tmp_path) as running:
        write_kernelspec(garden, tmp_path)
        yield running


@pytest.fixture
def page(chromium: Browser, server: ServerProcess) -> Iterator[RestPage]:
    window = RestPage(chromium, server)
    yield window
    take_picture(window.page, "last-rest-page")
    window.close()


def check_upgrade_and_undo(page: RestPage) -> None:
    """Upgrade seedshelf and undo it, by clicks alone."""
    expect(page.page.locator(".pkgw-checked")).to_contain_text("checked")
    page.row("seedshelf").get_by_role("button", name="Upgrade seedshelf").click()
    plan = page.section("Plan")
    expect(plan).to_contain_text("1.4.1 → 1.4.2")
    expect(plan.get_by_role("button", name="Rehearse on this notebook")).to_be_hidden()
    plan.get_by_role("button", name="Apply").click()
    progress = page.section("Progress")
    expect(progress).to_contain_text("seedshelf 1.4.1 → 1.4.2")
    undo = progress.get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    expect(page.row("seedshelf")).to_contain_text("1.4.2")
    undo.click()
    expect(progress.get_by_role("button", name="Redo")).to_be_visible()
    expect(page.row("seedshelf")).to_contain_text("1.4.1")


def test_kernel_without_pkgwidgets_is_listed_changed_and_restored(
    page: RestPage, server: ServerProcess, tmp_path: Path
) -> None:
    with started_kernel(server, tmp_path) as (kernel_id, client):
        reply = client.execute_interactive("import pkgwidgets", output_hook=lambda message: None)
        assert reply["content"]["ename"] == "ModuleNotFoundError"
        page.open(kernelId=kernel_id, kernelspec="garden")
        take_picture(page.page, "rest-light")
        check_upgrade_and_undo(page)
        page.button("History").click()
        history = page.section("History")
        expect(history.locator("tbody tr")).to_have_count(2)
        history.get_by_role("button", name=re.compile("^Log")).first.click()
        expect(history.locator("pre")).to_contain_text("installing")


def test_kernel_in_an_endless_loop_is_served(
    page: RestPage, server: ServerProcess, tmp_path: Path
) -> None:
    with started_kernel(server, tmp_path) as (kernel_id, client):
        client.execute("while True: pass")
        page.open(kernelId=kernel_id)
        check_upgrade_and_undo(page)


def test_killed_kernel_is_served_by_its_specification(
    page: RestPage, server: ServerProcess, tmp_path: Path
) -> None:
    with started_kernel(server, tmp_path) as (kernel_id, _):
        pass
    page.open(kernelId=kernel_id, kernelspec="garden")
    check_upgrade_and_undo(page)


def test_kernel_that_dies_while_the_panel_is_open_is_served(
    page: RestPage, server: ServerProcess, tmp_path: Path
) -> None:
    with started_kernel(server, tmp_path) as (kernel_id, _):
        page.open(kernelId=kernel_id, kernelspec="garden")
        expect(page.page.locator(".pkgw-checked")).to_contain_text("checked")
    page.button("Check for updates").click()
    check_upgrade_and_undo(page)


def test_unknown_kernel_is_told(page: RestPage) -> None:
    page.open(kernelId="no-such-kernel")
    note = page.page.locator(".pkgw-note", has_text="There is no kernel")
    expect(note).to_be_visible()
    expect(page.page.locator(".pkgw-empty")).to_be_visible()


def test_restart_is_offered_and_done(page: RestPage, server: ServerProcess, tmp_path: Path) -> None:
    with started_kernel(server, tmp_path) as (kernel_id, client):
        client.execute_interactive("import seedshelf", output_hook=lambda message: None)
        page.open(kernelId=kernel_id, kernelspec="garden")
        page.row("seedshelf").get_by_role("button", name="Upgrade seedshelf").click()
        expect(page.section("Plan")).to_contain_text("if the kernel has imported seedshelf")
        page.button("Apply").click()
        page.section("Progress").get_by_role("button", name="Restart kernel…").click()
        question = page.page.get_by_role("group", name="Restart the kernel?")
        expect(question).to_contain_text("All variables of this kernel would be lost.")
        question.get_by_role("button", name="Restart kernel").click()
        expect(question).to_be_hidden()
        outcome = page.section("Progress").locator(".pkgw-outcome")
        expect(outcome).to_contain_text("The kernel was restarted. Run your cells again.")
        expect(outcome).not_to_contain_text("Restart needed")
        expect(outcome.get_by_role("button", name="Undo")).to_be_visible()


def test_typed_package_is_planned_and_installed(page: RestPage) -> None:
    page.open(kernelspec="garden")
    page.button("Install…").click()
    form = page.section("Install")
    form.get_by_label("Package to install").fill("pip install seedshelf")
    form.get_by_label("Package to install").press("Tab")
    expect(form).to_contain_text("1.4.1 is installed")
    form.get_by_label("Version").select_option("1.4.2")
    form.get_by_role("button", name="Preview…").click()
    expect(page.section("Plan")).to_contain_text("Change seedshelf to 1.4.2")
    expect(form).to_be_hidden()
    page.button("Cancel").click()
    expect(page.section("Plan")).to_be_hidden()


def test_form_offers_names_of_the_index_and_says_what_a_project_is(
    page: RestPage, garden: Demo
) -> None:
    pods = BuiltWheel(name="peapods", version="1.0", summary="Peas in pods", files={"p.py": ""})
    garden.index.publish(pods)
    page.open(kernelspec="garden")
    page.button("Install…").click()
    form = page.section("Install")
    name = form.get_by_label("Package to install")
    name.press_sequentially("peap")
    offered = form.locator("datalist option")
    expect(offered).to_have_count(1)
    expect(offered).to_have_attribute("value", "peapods")
    name.fill("peapods")
    name.press("Tab")
    expect(form).to_contain_text("Peas in pods")
    expect(form).to_contain_text("Would bring 1 new (peapods)")
    take_picture(page.page, "install-summary")
    name.fill("peapodz")
    expect(form).not_to_contain_text("Peas in pods")
    name.press("Tab")
    expect(form.get_by_role("alert")).to_contain_text("Did you mean peapods?")


def test_impossible_request_offers_the_wider_one(page: RestPage) -> None:
    page.open(kernelspec="garden")
    expect(page.page.locator(".pkgw-checked")).to_contain_text("checked")
    page.row("sundrift").get_by_role("button", name="sundrift", exact=True).click()
    page.row("sundrift").get_by_role("button", name="Uninstall sundrift").click()
    plan = page.section("Plan")
    plan.get_by_role("button", name=re.compile("^Uninstall .* as well…$")).click()
    expect(plan.locator(".pkgw-changes tbody tr")).not_to_have_count(1)
    expect(plan.get_by_role("button", name="Apply")).to_be_enabled()


def test_change_of_another_session_is_shown(page: RestPage, server: ServerProcess) -> None:
    page.open(kernelspec="garden")
    expect(page.page.locator(".pkgw-checked")).to_contain_text("checked")
    done = requests.put(
        f"{server.url}pkgwidgets/packages/seedshelf/upgrade?kernelspec=garden",
        json={},
        headers={"Authorization": f"token {TOKEN}"},
        timeout=120,
    )
    assert done.status_code == 200
    expect(page.row("seedshelf")).to_contain_text("1.4.2")


def test_read_only_environment_offers_no_change(page: RestPage, garden: Demo) -> None:
    frozen = garden.folder / "env" / "conda-meta" / "frozen"
    frozen.parent.mkdir()
    frozen.touch()
    page.open(kernelspec="garden")
    note = page.page.locator(".pkgw-note", has_text="This environment is read-only")
    expect(note).to_contain_text("was frozen by its owner")
    expect(page.button("Install…")).to_be_hidden()
    expect(page.row("seedshelf").get_by_role("button", name="Upgrade seedshelf")).to_have_count(0)


@pytest.mark.parametrize("size", WINDOWS, ids=lambda size: f"{size[0]}x{size[1]}")
def test_one_bad_release_does_not_sink_the_others(page: RestPage, size: tuple[int, int]) -> None:
    width, height = size
    page.page.set_viewport_size({"width": width, "height": height})
    page.open(kernelspec="garden")
    expect(page.page.locator(".pkgw-checked")).to_contain_text("checked")
    page.page.get_by_role("button", name=ALL).click()
    page.section("Plan").get_by_role("button", name="Apply").click()
    plan = page.section("Plan")
    expect(plan).to_contain_text("without harvestscale")
    expect(page.section("Progress")).to_contain_text("harvestscale 3.3.0 cannot be imported")
    expect(plan.get_by_role("button", name="Apply")).to_be_in_viewport(ratio=1)
    plan.get_by_role("button", name="Apply").click()
    expect(page.section("Progress").get_by_role("button", name="Undo")).to_be_in_viewport(ratio=1)
    row = page.row("harvestscale")
    expect(row).to_contain_text("upgrade failed")
    row.get_by_role("button", name="harvestscale", exact=True).click()
    row.get_by_role("button", name="Dismiss").click()
    expect(row).not_to_contain_text("upgrade failed")


def test_running_change_is_cancelled_by_a_click(
    page: RestPage, published: Callable[..., None], tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    published(held_wheel("1.4.3", gate, staged=True))
    page.open(kernelspec="garden")
    expect(page.page.locator(".pkgw-checked")).to_contain_text("checked")
    page.row("seedshelf").get_by_role("button", name="Upgrade seedshelf").click()
    page.section("Plan").get_by_role("button", name="Apply").click()
    progress = page.section("Progress")
    expect(progress.get_by_role("listitem").filter(has_text="checking")).to_be_visible()
    take_picture(page.page, "rest-applying")
    progress.get_by_role("button", name="Cancel").click()
    expect(progress).to_contain_text("Cancelled")
    gate.touch()
    expect(page.row("seedshelf")).to_contain_text("1.4.1")


def test_login_of_the_page_is_enough(page: RestPage, server: ServerProcess) -> None:
    page.page.goto(f"{server.url}api/status?token={TOKEN}")  # this sets the cookie
    page.page.goto(f"{server.url}tree?token={TOKEN}")
    page.open(kernelspec="garden", token="")
    check_upgrade_and_undo(page)


def test_hostile_texts_are_shown_as_texts(page: RestPage, garden: Demo) -> None:
    hostile = "<img src=x onerror='window.hit = 1'><b>bold</b>"
    metadata = next(garden.site_packages.glob("seedshelf-*.dist-info")) / "METADATA"
    text = metadata.read_text("utf-8")
    metadata.write_text(text.replace("Summary: ", f"Summary: {hostile}", 1), "utf-8")
    page.open(kernelspec=hostile)
    expect(page.page.locator(".pkgw-note", has_text="onerror")).to_be_visible()
    page.open(kernelspec="garden")
    page.row("seedshelf").get_by_role("button", name="seedshelf", exact=True).click()
    expect(page.row("seedshelf")).to_contain_text(hostile)
    assert page.page.locator("#place img, #place b").count() == 0
    assert page.page.evaluate("window.hit") is None


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    return axe_core.source(tmp_path_factory.mktemp("axe"))


@pytest.mark.parametrize("width", [1000, 300])
def test_next_button_is_in_sight_and_axe_finds_nothing(
    chromium: Browser, server: ServerProcess, axe: str, width: int
) -> None:
    window = RestPage(chromium, server, width=width)
    window.open(kernelspec="garden")
    expect(window.page.locator(".pkgw-checked")).to_contain_text("checked")
    window.button("Install…").click()
    for theme, light in (("light", "true"), ("dark", "false")):
        window.page.evaluate(f"document.body.dataset.jpThemeLight = {light!r}")
        assert take_picture(window.page, f"rest-{width}-{theme}-list").stat().st_size
        assert axe_core.findings(window.page, axe) == []
        window.page.get_by_role("button", name=ALL).click()
        apply = window.section("Plan").get_by_role("button", name="Apply")
        expect(apply).to_be_enabled()
        assert take_picture(window.page, f"rest-{width}-{theme}-plan").stat().st_size
        expect(apply).to_be_in_viewport(ratio=1)
        assert axe_core.findings(window.page, axe) == []
        window.section("Plan").get_by_role("button", name="Cancel").click()
        expect(window.section("Plan")).to_be_hidden()
    window.close()


def test_closed_panel_leaves_nothing_behind(page: RestPage) -> None:
    page.page.clock.install()
    page.open(kernelspec="garden")
    expect(page.page.locator(".pkgw-checked")).to_contain_text("checked")
    with page.page.expect_response(re.compile("/pkgwidgets/views/state")):
        page.page.clock.run_for(10_000)
    requested: list[str] = []
    page.page.on("request", lambda request: requested.append(request.url))
    page.page.evaluate("window.panel.dispose()")
    expect(page.page.locator("#place *")).to_have_count(0)
    page.page.clock.run_for(60_000)
    assert [url for url in requested if "/pkgwidgets/" in url] == []


def test_lost_server_is_told_and_found_again(page: RestPage) -> None:
    page.open(kernelspec="garden")
    expect(page.page.locator(".pkgw-checked")).to_contain_text("checked")
    page.page.context.set_offline(True)
    page.button("Check for updates").click()
    expect(page.page.locator(".pkgw-note", has_text="The server does not answer")).to_be_visible()
    page.page.context.set_offline(False)
    page.button("Check for updates").click()
    expect(page.page.locator(".pkgw-note", has_text="The server does not")).to_be_hidden()
