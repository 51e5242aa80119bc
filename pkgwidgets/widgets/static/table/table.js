// @ts-check
// The list of packages. It decides nothing: it shows the kernel's rows, and requests checks, plans and the history.

/** @import {View} from "../dom.js" */
import { withClicks } from "../clicks.js";
import { button, focusedIn, h, setText } from "../dom.js";
import { countedLabel, LABELS } from "../labels.js";
import { headCell, rowCells } from "./cells.js";
import { makeCopyMark } from "./copy_mark.js";
import { makeGrid } from "./grid.js";
import { makeHoldForm } from "./hold_form.js";
import { chipLabel, emptyText, listState } from "./list_state.js";
import { makeOffers } from "./offers.js";
import { bar, checkbox, part, statusText } from "./parts.js";
import { CHIPS, COLUMNS, completeRow, matches, rowOrder, suggestedVersion } from "./rows.js";

const PLANNING = new Set(["upgrade", "explain", "pick", "uninstall", "fix"]); // the buttons of a row that show a plan
const MAX_UNSCROLLED_ROWS = 12; // a longer list has its own scroll bar

/** @param {View} view */
function render({ model: widget, el }) {
  const model = withClicks(widget, el, "table");
  const title = h("h3", { className: "pkgw-title" });
  const where = h("span", { className: "pkgw-dim pkgw-where" });
  const checked = statusText("checked");
  const check = button(LABELS.check, { onclick: () => check.ariaDisabled === "true" || model.send({ type: "check" }) });
  const offers = makeOffers(model);
  const { all } = offers;
  const install = button(LABELS.install, { onclick: () => model.send({ type: "install" }) });
  const history = button(LABELS.history, { className: "pkgw-quiet", onclick: () => model.send({ type: "history" }) });
  const refused = h("p", { className: "pkgw-note" });
  const copyMark = makeCopyMark(model);
  const notice = h("p", { className: "pkgw-note", role: "status" });
  const unsafe = h("p", { className: "pkgw-note", role: "status" });
  const search = h("input", { type: "search", placeholder: "Filter (press /)", ariaLabel: "Filter packages", oninput: () => layout() });
  const chips = CHIPS.map((chip, i) => ({ ...chip, on: false, node: button("", { className: "pkgw-chip", onclick: () => pressChip(i) }) }));
  const fix = button("", { onclick: () => isChanging || model.send({ type: "fix", names: null }) });
  const count = statusText("count");
  const sorted = h("span", { className: "pkgw-sr", role: "status" });
  const selectAll = checkbox("Select all shown", { onclick: () => setSelected(shown.filter(selectable), selectAll.checked) });
  const heads = COLUMNS.map((column) => headCell(column.key, part(column.title, { onclick: () => sortBy(column) })));
  const headRow = h("tr", { role: "row", className: "pkgw-heads", ariaRowIndex: "1" }, headCell("select", selectAll), ...heads, headCell("action", "Action"));
  const body = h("tbody", { role: "rowgroup", onclick: onRowClick, onchange: onPick });
  const table = h("table", { role: "grid", ariaLabel: "Packages", ariaMultiSelectable: "true" }, h("thead", { role: "rowgroup" }, headRow), body);
  const empty = h("p", { className: "pkgw-empty", role: "status" });
  const scroller = h("div", { className: "pkgw-scroll pkgw-list" }, table);
  const holdForm = makeHoldForm((hold) => model.send({ type: "hold", ...hold }), (id) => grid.focusName(id));
  const chosen = statusText("chosen");
  const upgradeChosen = button("", { className: "pkgw-main", onclick: () => isChanging || model.send({ type: "plan", names: [...selected].map((id) => rows.get(id).name) }) });
  const foot = bar("foot", chosen);
  const head = bar("head", title, where, checked, check, all, upgradeChosen, install, history);
  const root = h("section", { className: "pkgw", ariaLabel: "Packages" },
    head, refused, copyMark.node, notice, unsafe,
    bar("filter", search, ...chips.map(({ node }) => node), fix, count, sorted), holdForm.node, scroller, empty, offers.note, foot);
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab handles shortcuts before the panel's listeners run

  const rows = new Map(); // id -> row
  const sent = new Map(); // id -> row, without what this view adds
  const details = new Map(); // id -> the kernel's details of an open row
  const selected = new Set();
  const open = new Set();
  const picked = new Map(); // id -> the version that was chosen in an open row
  const unfolded = new Set();
  let sort = { column: COLUMNS[0], dir: 1 };
  let ordered = []; // all rows, sorted
  let shown = [];
  let readOnly = false;
  let isChanging = false;
  let wasChanging = false; // until the check after a change has ended
  let revision = 0;
  const selectable = (row) => row.action === "upgrade" && !readOnly;
  const grid = makeGrid({ scroller, table, headRow, body, build, isOpen: (id) => open.has(id), press });

  // Replaces only changed cells: the others keep focus and hover.
  function build(id, tr) {
    const row = rows.get(id);
    const checkedNow = selected.has(id);
    const newCells = rowCells(row, {
      readOnly, checked: checkedNow, open: open.has(id), more: details.get(id), picked: picked.get(id), unfolded: unfolded.has(id), inAll: offers.versionFor(id),
    });
    if (isChanging) newCells.flatMap((cell) => [...cell.querySelectorAll("button")]).filter(({ name }) => PLANNING.has(name)).forEach((node) => { node.ariaDisabled = "true"; });
    [...tr.children].forEach((oldCell, i) => (newCells[i] ? oldCell.isEqualNode(newCells[i]) || oldCell.replaceWith(newCells[i]) : oldCell.remove()));
    tr.append(...newCells.slice(tr.children.length));
    tr.querySelector("[name=select]").checked = checkedNow;
    tr.ariaSelected = String(checkedNow);
  }

  function replaceAllRows() {
    replaceRows(model.get("rows") ?? [], model.get("revision") ?? 0);
  }

  function replaceRows(sentRows, number) {
    rows.clear();
    sent.clear();
    for (const sentRow of sentRows) storeRow(sentRow);
    for (const set of [open, selected]) for (const id of set) if (!rows.has(id)) set.delete(id);
    revision = number;
    ordered = [...rows.values()];
    layout({ again: true });
    grid.refresh(grid.drawn());
    askDetails([...open]);
  }

  function storeRow(sentRow) {
    const row = withMarks(completeRow(sentRow, model.get("labels") ?? {}));
    rows.set(row.id, row);
    sent.set(row.id, sentRow);
    return row;
  }

  // Advisories and holds are sent apart from the rows: they are known at other times.
  const withMarks = (row) => ({ ...row, advisories: model.get("advisories")?.[row.id] ?? null, limits: model.get("holds")?.[row.id] ?? [] });

  function showMarks() {
    for (const row of rows.values()) rows.set(row.id, withMarks(row));
    ordered = ordered.map(({ id }) => rows.get(id));
    shown = shown.map(({ id }) => rows.get(id));
    grid.refresh(grid.drawn());
    showCounts();
  }

  // A row that no longer matches stays until the next filtering: it must not vanish from under the pointer.
  function patch({ rows: sentRows, revision: number }) {
    if (number <= revision) return;
    if (number > revision + 1) return askAll();
    revision = number;
    const visible = new Set(shown.map(({ id }) => id));
    const added = sentRows.filter(({ id, name }) => !rows.has(id ?? name));
    const newRows = sentRows.map(storeRow);
    keepForSaving();
    for (const row of newRows) if (picked.get(row.id) === row.version) picked.delete(row.id); // it is installed now
    // Rows keep the previous order: it is nearly the new one, which makes sorting cheap.
    ordered = [...ordered, ...added.map(({ id, name }) => ({ id: id ?? name }))].map(({ id }) => rows.get(id));
    if (newRows.some((row) => !visible.has(row.id) && matches(row, searchText(), activeTests()))) layout({ again: true, keep: visible });
    else shown = shown.map(({ id }) => rows.get(id));
    grid.refresh(newRows.map(({ id }) => id));
    askDetails(newRows.map(({ id }) => id).filter((id) => open.has(id)));
    showCounts();
  }

  // JupyterLab saves the state of the model with a notebook; rows that came as messages must be in it.
  function keepForSaving() {
    if (!model.widget_manager) return;
    model.set("rows", [...sent.values()], { silent: true });
    model.set("revision", revision, { silent: true });
  }

  // Requests all rows: patches that were sent before this view existed, or while it was disconnected, are lost.
  const askAll = () => model.send({ type: "opened", revision });
  const askDetails = (ids) => ids.forEach((id) => model.send({ type: "detail", id }));

  function onMessage(message) {
    if (message.type === "patch") patch(message);
    if (message.type === "all") {
      replaceRows(message.rows, message.revision);
      keepForSaving();
    }
    if (message.type === "hold" && holdForm.settle(message)) setText(notice, message.error);
    // What comes after a row was closed would be old when it is opened again.
    if (message.type !== "detail" || !rows.has(message.id) || !open.has(message.id)) return;
    details.set(message.id, { ...details.get(message.id), ...message });
    grid.refresh([message.id]);
  }

  const searchText = () => search.value.trim().toLowerCase();

  const activeTests = () => chips.filter(({ on }) => on).map(({ test }) => test);

  // Sorting is expensive, so rows are sorted again only if they or the order changed.
  function layout({ again = false, keep = new Set() } = {}) {
    if (again) ordered.sort(rowOrder(sort));
    const [text, tests] = [searchText(), activeTests()];
    shown = ordered.filter((row) => keep.has(row.id) || matches(row, text, tests));
    grid.show(shown.map(({ id }) => id));
    if (!keep.size) grid.toTop();
    const direction = sort.dir > 0 ? "ascending" : "descending";
    COLUMNS.forEach((column, i) => { heads[i].ariaSort = column === sort.column ? direction : null; });
    showCounts();
  }

  function showCounts() {
    const state = listState(ordered, model.get("header") ?? {});
    setText(checked, state.status);
    root.classList.toggle("pkgw-unchecked", state.phase === "unchecked");
    for (const { node, on, ...chip } of chips) {
      const matchCount = ordered.filter(chip.test).length;
      setText(node, chipLabel(chip, matchCount, state));
      node.ariaPressed = String(on);
      node.hidden = Boolean(chip.rare) && matchCount === 0 && !on;
    }
    grid.refresh(offers.show(ordered, state, { revision, readOnly }));
    root.classList.toggle("pkgw-unblocked", !ordered.some(({ blocked_by: blockedBy }) => blockedBy));
    scroller.classList.toggle("pkgw-short", shown.length <= MAX_UNSCROLLED_ROWS);
    const fixable = readOnly ? 0 : ordered.filter(({ advisories }) => advisories?.safe && advisories.count).length;
    setText(fix, countedLabel(LABELS.fix, fixable));
    fix.hidden = fixable === 0;
    setText(count, state.isInstalledKnown ? `${shown.length} of ${ordered.length}` : "");
    setText(empty, shown.length ? "" : emptyText(ordered, state, chips[0].on));
    showSelection();
  }

  function showSelection() {
    for (const id of selected) if (!selectable(rows.get(id))) selected.delete(id);
    const choices = shown.filter(selectable);
    const ticked = choices.filter(({ id }) => selected.has(id)).length;
    setText(chosen, `${selected.size} selected${selected.size > ticked ? `, ${selected.size - ticked} not shown` : ""}`);
    setText(upgradeChosen, countedLabel(LABELS.upgradeSelected, selected.size));
    foot.hidden = upgradeChosen.hidden = selected.size === 0;
    all.hidden = readOnly || selected.size > 0;
    selectAll.disabled = choices.length === 0;
    selectAll.checked = ticked > 0 && ticked === choices.length;
    selectAll.indeterminate = ticked > 0 && ticked < choices.length;
  }

  // In the place of the other one, at the top; below the list while the top is scrolled out of sight.
  function placeUpgradeChosen(isTopSeen) {
    if (isTopSeen === head.contains(upgradeChosen)) return;
    const hadFocus = focusedIn(el) === upgradeChosen;
    if (isTopSeen) install.before(upgradeChosen);
    else foot.append(upgradeChosen);
    if (hadFocus) upgradeChosen.focus({ preventScroll: true });
  }

  function showHeader() {
    const { title: name, where: place, busy, changing, refusal, notice: news, advisories, holds } = model.get("header") ?? {};
    setText(title, name);
    setText(where, place);
    setText(refused, refusal);
    copyMark.show(model.get("header") ?? {});
    setText(notice, news);
    setText(unsafe, [advisories, holds].filter(Boolean).join(" "));
    // Not `disabled`: that would move the keyboard focus out of the panel right after the click.
    check.ariaDisabled = String(Boolean(busy || changing));
    const isReadOnly = Boolean(refusal);
    install.hidden = isReadOnly;
    root.classList.toggle("pkgw-readonly", isReadOnly);
    if (changing) wasChanging = true;
    else if (wasChanging && !busy) {
      wasChanging = false;
      layout(); // rows that do not match any more stay only while the user may be about to press them
    }
    const changed = readOnly !== isReadOnly || isChanging !== Boolean(changing);
    readOnly = isReadOnly;
    isChanging = Boolean(changing);
    for (const node of [fix, upgradeChosen]) node.ariaDisabled = String(isChanging);
    if (changed) grid.refresh(grid.drawn());
    showCounts();
  }

  function setSelected(someRows, on) {
    for (const { id } of someRows) selected[on ? "add" : "delete"](id);
    grid.refresh(someRows.map(({ id }) => id));
    showSelection();
  }

  function pressChip(i) {
    chips[i].on = !chips[i].on;
    layout();
  }

  function sortBy(column) {
    sort = { column, dir: sort.column === column ? -sort.dir : column.first ?? 1 };
    layout({ again: true });
    setText(sorted, `Sorted by ${column.title}, ${sort.dir > 0 ? "ascending" : "descending"}`);
  }

  function toggle(row) {
    if (open.delete(row.id)) for (const rowState of [details, picked, unfolded]) rowState.delete(row.id);
    else {
      open.add(row.id);
      grid.expose(row.id);
      askDetails([row.id]);
    }
    grid.refresh([row.id]);
  }

  const rowActions = {
    upgrade: (row) => model.send({ type: "plan", names: [row.name] }),
    explain: (row) => model.send({ type: "plan", names: [row.name] }),
    pick: (row, node) => node.ariaDisabled === "true" || model.send({ type: "plan", names: [row.name], version: versionIn(row.id) }),
    unfold: (row) => {
      unfolded.add(row.id);
      grid.refresh([row.id]);
    },
    uninstall: (row) => model.send({ type: "uninstall", names: [row.name] }),
    dismiss: (row) => model.send({ type: "dismiss", names: [row.name] }),
    fix: (row) => model.send({ type: "fix", names: [row.name] }),
    hold: (row) => holdForm.open(row),
    skip: (row) => model.send({ type: "hold", names: [row.name], versions: `!=${row.latest}`, reason: "skipped", until: "" }),
    unhold: (row, node) => model.send({ type: "unhold", names: [row.name], versions: node.value }),
    retry: (row) => model.send({ type: "retry", names: [row.name] }),
    select: (row) => selectable(row) && setSelected([row], !selected.has(row.id)),
    detail: toggle,
  };

  function press(id, actionName, node) {
    if (isChanging && PLANNING.has(actionName)) return;
    if (id) return rowActions[actionName](rows.get(id), node);
    const choices = shown.filter(selectable);
    return setSelected(choices, choices.some((row) => !selected.has(row.id)));
  }

  function onRowClick({ target }) {
    const pressedNode = target.closest("[name]");
    if (pressedNode) return press(pressedNode.closest("tr").dataset.id, pressedNode.name, pressedNode);
    const inside = target.closest("a, .pkgw-c-detail, .pkgw-c-select") || getSelection()?.isCollapsed === false;
    if (!inside) press(target.closest("tr").dataset.id, "detail");
  }

  const versionIn = (id) => picked.get(id) ?? suggestedVersion(details.get(id) ?? {});

  // The row is not rebuilt: a replaced drop-down would close.
  function onPick({ target }) {
    if (!target.matches("select")) return;
    const line = target.closest("tr");
    picked.set(line.dataset.id, target.value);
    line.querySelector("[name=pick]").ariaDisabled = String(isChanging || target.value === rows.get(line.dataset.id).version);
  }

  function onKey(event) {
    event.stopPropagation(); // otherwise the notebook's shortcuts run
    const isInSearch = event.target === search;
    if (event.key === "/" && !isInSearch) search.select();
    else if (event.key === "ArrowDown" && isInSearch) grid.enter();
    else if (event.key === "Escape" && search.value && !event.defaultPrevented) {
      search.value = "";
      layout();
    } else return;
    event.preventDefault();
  }

  el.addEventListener("keydown", onKey);
  const events = Object.entries({ "change:header": showHeader, "change:offers": showCounts, "change:revision": replaceAllRows, "change:advisories": showMarks, "change:holds": showMarks, "msg:custom": onMessage });
  for (const [name, fn] of events) model.on(name, fn);
  const clock = setInterval(showHeader, 30_000);
  const topWatcher = new IntersectionObserver((seen) => placeUpgradeChosen(Boolean(seen.at(-1)?.isIntersecting)), { threshold: 1 });
  topWatcher.observe(check);

  replaceAllRows();
  showHeader();
  el.append(root);
  askAll();
  return () => {
    clearInterval(clock);
    topWatcher.disconnect();
    grid.stop();
    for (const [name, fn] of events) model.off(name, fn);
    el.removeEventListener("keydown", onKey);
    root.remove();
  };
}

export default { render };
