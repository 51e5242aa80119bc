"""The table in JupyterLab: rows, filter, sorting, selection, details and patches."""

from __future__ import annotations

import re

import pytest
from held_transactions import eventually
from jupyterlab_server import Notebook
from playwright.sync_api import Locator, expect
from widgets.sample_tables import KINDS, SHOWN, kernel_messages, show_source, show_table

pytestmark = pytest.mark.slow

FIRST = "tr[data-id=pod-0000]"


def lines(output: Locator) -> Locator:
    return output.locator(".pkgw-line")


def names(output: Locator, count: int = 3) -> list[str]:
    """Return the names of the first rows."""
    shown = output.locator(".pkgw-line .pkgw-name").all_text_contents()
    return shown[:count]


def chip(output: Locator, word: str) -> Locator:
    return output.locator(".pkgw-chip", has_text=word)


def test_only_visible_rows_are_in_the_page(notebook: Notebook) -> None:
    output = show_table(notebook, 5000)
    expect(output.locator(".pkgw-count")).to_have_text("5000 of 5000")
    assert 10 < lines(output).count() < 40
    expect(output.get_by_role("grid")).to_have_attribute("aria-rowcount", "5001")
    expect(output.locator(FIRST)).to_have_attribute("aria-rowindex", "2")
    scroller = output.locator(".pkgw-list")
    scroller.evaluate("(node) => { node.scrollTop = node.scrollHeight; }")
    last = output.locator("tr[data-id=pod-4999]")
    expect(last).to_be_in_viewport()
    expect(last).to_have_attribute("aria-rowindex", "5001")
    expect(output.locator(FIRST)).to_have_count(0)
    assert lines(output).count() < 40


def test_filter_and_chips_combine(notebook: Notebook) -> None:
    output = show_table(notebook)
    count = output.locator(".pkgw-count")
    field = output.get_by_label("Filter packages")
    field.press_sequentially("ROW 49")  # in the summary, whatever its case
    expect(count).to_have_text("11 of 500")
    chip(output, "Updates").click()
    expect(chip(output, "Updates")).to_have_attribute("aria-pressed", "true")
    expect(count).to_have_text("8 of 500")
    chip(output, "Loaded here").click()
    expect(count).to_have_text("4 of 500")
    chip(output, "Requested").click()
    expect(count).to_have_text("1 of 500")
    assert names(output) == ["pod-0496"]
    field.press("Escape")
    expect(field).to_have_value("")
    expect(count).to_have_text("71 of 500")
    chip(output, "Blocked").click()
    expect(count).to_have_text("0 of 500")
    expect(output.locator(".pkgw-empty")).to_have_text("No package matches.")


def test_newly_matching_rows_are_added_in_order_and_announced(notebook: Notebook) -> None:
    output = show_table(notebook, 500)
    chip(output, "Updates").click()
    count = output.get_by_role("status").and_(output.locator(".pkgw-count"))
    expect(count).to_have_text("287 of 500")
    notebook.ask("table.patch([info(n, **KINDS[1]) for n in (3, 4)] + [info(700)])")
    expect(count).to_have_text("290 of 501")
    assert names(output, 5) == ["pod-0000", "pod-0001", "pod-0002", "pod-0003", "pod-0004"]
    expect(output.locator(".pkgw-empty")).to_have_attribute("role", "status")
    notebook.ask("table.update_header(busy='checking for updates, 3 of 500…')")
    status = output.get_by_role("status").and_(output.locator(".pkgw-checked"))
    expect(status).to_have_text("checking for updates, 3 of 500…")


def test_rows_with_unknown_updates_are_not_counted_as_up_to_date(notebook: Notebook) -> None:
    notebook.ask(KINDS)
    unknown = "info(n) for n in (5, 12, 19)"
    output = show_source(notebook, SHOWN.replace("info(n) for n in range(COUNT)", unknown))
    for word in ("Updates", "Blocked"):
        expect(chip(output, word)).to_have_text(word)
    expect(chip(output, "Problems")).to_have_text("Problems 3")
    chip(output, "Updates").click()
    empty = output.locator(".pkgw-empty")
    expect(empty).to_have_text(
        "No updates are known. The latest version of 3 of 3 packages is unknown."
    )
    notebook.ask("table.patch([info(5, **(KINDS[3] | dict(error=None)))])")
    expect(chip(output, "Updates")).to_have_text("Updates")
    expect(empty).to_have_text(
        "No updates are known. The latest version of 2 of 3 packages is unknown."
    )


def test_any_column_sorts_with_blanks_last(notebook: Notebook) -> None:
    output = show_table(notebook)
    heads = output.get_by_role("columnheader")
    expect(heads.filter(has_text="Package")).to_have_attribute("aria-sort", "ascending")
    output.get_by_role("button", name="Package").click()
    assert names(output) == ["pod-0499", "pod-0498", "pod-0497"]
    output.get_by_role("button", name="Latest").click()
    expect(heads.filter(has_text="Latest")).to_have_attribute("aria-sort", "descending")
    assert names(output) == ["pod-0002", "pod-0009", "pod-0016"]  # major steps first
    output.get_by_role("button", name="Blocked by").click()
    assert names(output, 1) == ["pod-0002"]
    output.get_by_role("button", name="Blocked by").click()
    assert names(output, 1) == ["pod-0002"]  # what is not blocked is last either way
    status = output.locator(".pkgw-sr[role=status]")
    expect(status).to_have_text("Sorted by Blocked by, descending")


def test_selected_rows_are_upgraded(notebook: Notebook) -> None:
    output = show_table(notebook)
    output.get_by_label("Select pod-0001").check()
    output.get_by_label("Select pod-0000").check()
    expect(output.locator(FIRST)).to_have_attribute("aria-selected", "true")
    expect(output.get_by_label("Select pod-0004")).to_be_disabled()
    field = output.get_by_label("Filter packages")
    field.fill("pod-0000")
    expect(output.locator(".pkgw-chosen")).to_have_text("2 selected, 1 not shown")
    output.get_by_role("button", name="Upgrade selected (2)…").click()
    assert kernel_messages(notebook)[-1] == {"type": "plan", "names": ["pod-0001", "pod-0000"]}
    field.fill("pod-001")
    output.get_by_label("Select all shown").click()
    expect(output.locator(".pkgw-chosen")).to_have_text("6 selected, 2 not shown")


def test_open_row_shows_details_and_only_http_links(notebook: Notebook) -> None:
    hostile = (
        '(("Js", "javascript:alert(1)"), ("Data", "data:text/html,x"), ("File", "file:///etc"), '
    )
    links = f'{hostile}("Rel", "/api/shutdown"), ("Yes", "https://example.invalid/a b"))'
    output = show_table(notebook, 20, then=f"\ntable.patch([info(2, links={links})])\ntable")
    row = output.locator("tr[data-id=pod-0002]")
    row.get_by_role("button", name="pod-0002", exact=True).click()
    detail = row.locator(".pkgw-c-detail")
    expect(detail).to_contain_text("Seeds of row 2, in rows and in columns")
    expect(detail).to_contain_text("numba <2.1")
    expect(detail).to_contain_text("/env/lib/python3.12/site-packages")
    expect(detail).to_contain_text(re.compile(r"Released .+ ago \(2\.1\.0\).*Installed .+ ago"))
    exact = re.compile(r"^2026-\d\d-\d\d \d\d:\d\d UTC$")
    expect(detail.locator("time").first).to_have_attribute("title", exact)
    links_there = detail.get_by_role("link").evaluate_all(
        "(all) => all.map((a) => [a.textContent, a.href, a.rel, a.target])"
    )
    assert links_there == [
        ["Yes", "https://example.invalid/a%20b", "noopener noreferrer", "_blank"]
    ]
    below = output.locator("tr[data-id=pod-0003]")

    def gap() -> float:
        bottom = row.evaluate("(node) => node.getBoundingClientRect().bottom")
        top = below.evaluate("(node) => node.getBoundingClientRect().top")
        return abs(float(top) - float(bottom))

    eventually(lambda: gap() < 1)  # the page may still be laid out
    detail.get_by_role("button", name="Uninstall pod-0002").click()
    uninstall = {"type": "uninstall", "names": ["pod-0002"]}
    eventually(lambda: kernel_messages(notebook)[-1] == uninstall)  # it has a way of its own
    row.get_by_role("button", name="pod-0002", exact=True).click()
    expect(detail).to_have_count(0)


def test_row_button_sends_its_request(notebook: Notebook) -> None:
    output = show_table(notebook)
    output.get_by_role("button", name="Upgrade pod-0002 to 1.27.1…").click()
    output.get_by_role("button", name="Retry pod-0005").click()
    assert [message for message in kernel_messages(notebook) if message["type"] != "opened"] == [
        {"type": "plan", "names": ["pod-0002"]},
        {"type": "retry", "names": ["pod-0005"]},
    ]
    badges = output.locator(".pkgw-badge").all_text_contents()
    assert badges[:4] == ["patch", "minor", "minor", "minor"]
    expect(output.locator("tr[data-id=pod-0004]")).to_contain_text("editable install")
    expect(output.locator("tr[data-id=pod-0006]")).to_contain_text("loaded")


def test_patch_updates_rows_and_keeps_focus_and_scroll_position(notebook: Notebook) -> None:
    output = show_table(notebook, 5000)
    scroller = output.locator(".pkgw-list")
    scroller.evaluate("(node) => { node.scrollTop = 36_000; }")
    row = output.locator("tr[data-id=pod-1001]")
    row.get_by_role("button", name="Upgrade pod-1001").focus()
    notebook.ask("table.patch([info(n, version='1.26.1') for n in range(1000, 1010)])")
    expect(row.locator(".pkgw-c-version")).to_have_text("1.26.1")
    expect(row.get_by_role("button", name="Upgrade pod-1001")).to_be_focused()
    assert scroller.evaluate("(node) => node.scrollTop") == 36_000
    before = notebook.received
    notebook.ask("table.patch([info(1002, status=PackageStatus.UPGRADING)])")
    expect(output.locator("tr[data-id=pod-1002]")).to_contain_text("upgrading…")
    assert notebook.received - before < 8_000  # not 5,000 rows


def test_second_view_shows_patched_rows(notebook: Notebook) -> None:
    output = show_table(notebook, 20)
    expect(output.locator(FIRST)).to_contain_text("1.26.4")
    notebook.ask("table.patch([info(0, version='1.26.8')])")
    expect(output.locator(FIRST)).to_contain_text("1.26.8")
    notebook.page.evaluate(
        "() => window.jupyterapp.commands.execute('notebook:create-output-view')"
    )
    copy = notebook.page.locator(".jp-LinkedOutputView, .jp-MainAreaWidget").locator(FIRST).last
    expect(copy).to_contain_text("1.26.8")
    notebook.page.evaluate("""() => {
      const { shell } = window.jupyterapp, all = [...shell.widgets('main')];
      all.filter((widget) => !widget.context).forEach((widget) => widget.close());
      shell.activateById(all.find((widget) => widget.context).id);
    }""")


def test_rows_reset_to_their_first_state_are_shown(notebook: Notebook) -> None:
    output = show_table(notebook, 20)
    notebook.ask("table.patch([info(0, version='1.26.8')])")
    expect(output.locator(FIRST)).to_contain_text("1.26.8")
    notebook.ask("table.show(info(n) for n in range(20))")
    expect(output.locator(FIRST)).to_contain_text("1.26.4")
    notebook.ask("table.show([])")
    expect(output.locator(".pkgw-empty")).to_have_text("No packages.")


def test_read_only_environment_has_no_buttons_and_a_reason(notebook: Notebook) -> None:
    output = show_table(
        notebook, 20, then="\ntable.update_header(refusal='The system owns it.')\ntable"
    )
    expect(output.locator(".pkgw-note").first).to_have_text("The system owns it.")
    expect(output.get_by_role("button", name="Upgrade")).to_have_count(0)
    expect(output.get_by_role("button", name="Retry pod-0005")).to_be_visible()
    expect(output.get_by_label("Select pod-0000")).to_be_hidden()


def test_narrow_panel_has_fewer_columns(notebook: Notebook) -> None:
    output = show_table(notebook, 20)
    seen = {}
    for width in (1400, 860, 620, 480):
        notebook.page.set_viewport_size({"width": width, "height": 1000})
        notebook.page.wait_for_timeout(500)
        heads = output.locator("th:visible").all_text_contents()
        seen[width] = [text for text in heads if text not in ("", "Action")]
        row = output.locator(FIRST)
        box, button = (
            element.evaluate("(node) => node.getBoundingClientRect().right")
            for element in (row, row.get_by_role("button", name="Upgrade pod-0000"))
        )
        assert button <= box
    notebook.page.set_viewport_size({"width": 1400, "height": 1000})
    assert seen[1400] == ["Package", "Installed", "Latest", "Blocked by", "Released"]
    assert seen[620] == ["Package", "Installed", "Latest"]
    assert seen[860][:4] == ["Package", "Installed", "Latest", "Blocked by"]
    assert seen[480] in (["Package", "Latest"], ["Package", "Installed", "Latest"])


def test_number_of_widget_models_does_not_depend_on_the_rows(notebook: Notebook) -> None:
    count = "import ipywidgets, json; print(len(ipywidgets.widget._instances))"
    show_table(notebook, 1)
    before = notebook.ask(count)
    notebook.ask("table.show(info(n) for n in range(3000))")
    assert notebook.ask(count) == before
