// The list of packages. It decides nothing: it shows the rows the kernel sends, and asks for checks, plans and history.

const COLUMNS = [
  { key: "name", title: "Package", value: (row) => row.name },
  { key: "version", title: "Installed", value: (row) => row.version },
  // Only the kernel knows how versions compare: `order` is its size of the step. The biggest comes first.
  { key: "latest", title: "Latest", value: (row) => (row.latest ? row.order : ""), first: -1 },
  { key: "blocked", title: "Blocked by", value: (row) => row.blocked_by },
  { key: "released", title: "Released", value: (row) => row.released, first: -1 },
];

const CHIPS = [
  { title: "Updates", test: (row) => row.update === true },
  { title: "Loaded here", test: (row) => Boolean(row.loaded) },
  { title: "Requested", test: (row) => row.requested },
  { title: "Blocked", test: (row) => Boolean(row.blocked_by) },
  { title: "Problems", test: (row) => Boolean(row.error) || row.status === "error", rare: true },
];

// In minutes. A unit serves from two of it on: "9 days" says more than "1 week".
const AGES = [["years", 525_600], ["months", 43_800], ["weeks", 10_080], ["days", 1_440], ["h", 60], ["min", 1]];
const natural = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : natural.compare(a, b));

// Names and summaries come from strangers, so text only ever becomes text nodes.
function h(tag, props, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children.filter(Boolean));
  return node;
}

// Screen readers speak when a status region is written to, so it is written to only when its words change.
function say(node, text = "") {
  if (node.textContent !== text) node.textContent = text;
}

function age(iso) {
  const minutes = (Date.now() - Date.parse(iso)) / 60_000;
  const [unit, size] = AGES.find(([, length]) => minutes >= 2 * length) ?? [];
  return unit ? `${Math.floor(minutes / size)} ${unit}` : iso && "moments";
}

const button = (text, props) => h("button", { type: "button", ...props }, text);
const checkbox = (label, props) => h("input", { type: "checkbox", ariaLabel: label, ...props });
const bar = (name, ...children) => h("div", { className: `pkgw-row pkgw-${name}` }, ...children);
const status = (name) => h("span", { className: `pkgw-dim pkgw-${name}`, role: "status" });
// Rows are laid out as grids, which takes the table roles away unless they are given again.
const cell = (key, ...children) => h("td", { className: `pkgw-cell pkgw-c-${key}`, role: "cell" }, ...children);
const headCell = (key, ...children) => h("th", { className: `pkgw-cell pkgw-c-${key}`, role: "columnheader" }, ...children);
const dim = (text) => text && h("span", { className: "pkgw-dim" }, text);
const clip = (text, className = "") => text && h("span", { className: `pkgw-clip ${className}`, title: text }, text);
const warn = (text) => clip(text, "pkgw-warn");

function latestCell({ latest, bump, error, origin }) {
  if (latest) return cell("latest", clip(latest), bump && h("span", { className: `pkgw-badge pkgw-${bump}` }, bump));
  return cell("latest", error ? warn("unknown") : origin !== "index" && dim(origin));
}

function actionCell({ name, action, label, note, error, status }, readOnly) {
  const [verb, ...rest] = label.split(" ");
  const spoken = [verb, name, ...rest].join(" "); // "Upgrade pandas to 2.3.3"
  const offered = action && !(readOnly && action !== "retry");
  const words = note || (status.endsWith("ing") ? `${status}…` : "");
  const end = offered ? button(label, { className: `pkgw-${action}`, name: action, ariaLabel: spoken }) : dim(words);
  return cell("action", warn(error), error && end && dim("·"), end);
}

// The lines under an open row. They repeat what a narrow panel hides.
function detailCell(row) {
  const facts = [`${row.version} ${row.status}`, `origin: ${row.origin}`, row.requested && "requested",
    row.blocked_by && `blocked by ${row.blocked_by}`, row.released && `released ${age(row.released)} ago`];
  return cell("detail",
    row.summary && h("div", null, row.summary),
    h("div", null, dim(facts.filter(Boolean).join(" · "))),
    row.loaded && row.loaded !== row.version && h("div", { className: "pkgw-warn" }, `${row.loaded} is still loaded`),
    row.error && h("div", { className: "pkgw-warn" }, row.error));
}

function rowCells(row, { readOnly, checked, open }) {
  const disabled = readOnly || row.action !== "upgrade";
  const folding = { className: "pkgw-name", title: row.name, name: "detail", ariaExpanded: String(open) };
  return [
    cell("select", checkbox(`Select ${row.name}`, { checked, disabled, name: "select" })),
    cell("name", button(row.name, folding), row.loaded && dim("· loaded")),
    cell("version", clip(row.version)),
    latestCell(row),
    cell("blocked", warn(row.blocked_by)),
    cell("released", dim(age(row.released))),
    actionCell(row, readOnly),
    ...(open ? [detailCell(row)] : []),
  ];
}

function render({ model, el }) {
  const title = h("h3", { className: "pkgw-title" });
  const where = h("span", { className: "pkgw-dim pkgw-where" });
  const checked = status("checked");
  const check = button("Check for updates", { onclick: () => model.get("header")?.busy || model.send({ type: "check" }) });
  const all = button("", { className: "pkgw-main", onclick: () => model.send({ type: "plan", names: null }) });
  const history = button("History", { className: "pkgw-quiet", onclick: () => model.send({ type: "history" }) });
  const refused = h("p", { className: "pkgw-note" });
  const notice = h("p", { className: "pkgw-note", role: "status" });
  const search = h("input", { type: "search", placeholder: "Filter  /", ariaLabel: "Filter packages", oninput: () => layout() });
  const chips = CHIPS.map((chip, i) => ({ ...chip, on: false, node: button("", { className: "pkgw-chip", onclick: () => press(i) }) }));
  const count = status("count");
  const every = checkbox("Select all shown", { onclick: () => tick(shown.filter(selectable), every.checked) });
  const heads = COLUMNS.map((column) => headCell(column.key, button(column.title, { onclick: () => sortBy(column) })));
  const headRow = h("tr", { role: "row" }, headCell("select", every), ...heads, headCell("action", "Action"));
  const head = h("thead", { role: "rowgroup" }, headRow);
  const body = h("tbody", { role: "rowgroup", onclick: onRowClick });
  const empty = h("p", { className: "pkgw-empty", role: "status" });
  const scroller = h("div", { className: "pkgw-scroll" }, h("table", { role: "table" }, head, body), empty);
  const chosen = status("chosen");
  const upgradeChosen = button("", { onclick: () => model.send({ type: "plan", names: [...selected].map(nameOf) }) });
  const foot = bar("foot", chosen, upgradeChosen);
  const root = h("section", { className: "pkgw", ariaLabel: "Packages" },
    bar("head", title, where, checked, check, all, history), refused, notice,
    bar("filter", search, ...chips.map(({ node }) => node), count), scroller, foot);
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab looks for shortcuts before any listener of ours

  const lines = new Map(); // id -> { row, tr }
  const selected = new Set();
  const open = new Set();
  let sort = { column: COLUMNS[0], dir: 1 };
  let shown = [];
  let readOnly = false;
  const nameOf = (id) => lines.get(id).row.name;
  const selectable = ({ row }) => row.action === "upgrade" && !readOnly;
  const cellsOf = (row) => rowCells(row, { readOnly, checked: selected.has(row.id), open: open.has(row.id) });

  // Adds a row, or merges into the one with its id. Only cells that changed are replaced: the others keep focus and hover.
  function put(row) {
    const line = lines.get(row.id) ?? { tr: h("tr", { className: "pkgw-line", role: "row" }) };
    line.tr.dataset.id = row.id;
    line.row = { ...line.row, ...row };
    const fresh = cellsOf(line.row);
    [...line.tr.children].forEach((old, i) => old.isEqualNode(fresh[i]) || old.replaceWith(...fresh.slice(i, i + 1)));
    line.tr.append(...fresh.slice(line.tr.children.length));
    lines.set(row.id, line);
    return line;
  }

  // A node that is moved or replaced loses the focus: give it back to the same part of the same row.
  function keepingPlace(change) {
    const focused = () => el.getRootNode().activeElement;
    const held = body.contains(focused()) ? focused() : null;
    const { id } = held?.closest("tr").dataset ?? {};
    const top = scroller.scrollTop;
    change();
    scroller.scrollTop = top;
    const find = (act) => lines.get(id)?.tr.querySelector(`[name="${act}"]:not(:disabled)`);
    if (held && focused() !== held) (find(held.name) ?? find("detail"))?.focus({ preventScroll: true });
  }

  const rebuild = () => keepingPlace(() => {
    lines.clear();
    for (const row of model.get("rows") ?? []) put(row);
    layout();
  });

  // A row that no longer matches stays until the next filtering: what is worked on must not vanish from under the pointer.
  const patch = ({ type, rows }) => type === "patch" && keepingPlace(() => {
    const visible = new Set(shown);
    const arrived = rows.map(put).some((line) => !visible.has(line) && matches(line));
    return arrived ? layout(visible) : showCounts();
  });

  function matches({ row }) {
    const words = search.value.trim().toLowerCase();
    return `${row.name}\n${row.summary}`.toLowerCase().includes(words) && chips.every(({ on, test }) => !on || test(row));
  }

  function inOrder(a, b) {
    const [one, other] = [a, b].map(({ row }) => sort.column.value(row) ?? "");
    const blankLast = (one === "") - (other === ""); // both ways
    return blankLast || sort.dir * compare(one, other) || natural.compare(a.row.name, b.row.name);
  }

  function layout(keep = new Set()) {
    shown = [...lines.values()].filter((line) => keep.has(line) || matches(line)).sort(inOrder);
    body.replaceChildren(...shown.map(({ tr }) => tr));
    scroller.scrollTop = 0;
    const direction = sort.dir > 0 ? "ascending" : "descending";
    COLUMNS.forEach((column, i) => { heads[i].ariaSort = column === sort.column ? direction : null; });
    showCounts();
  }

  function showCounts() {
    const list = [...lines.values()];
    for (const { node, title: word, test, rare, on } of chips) {
      const found = list.filter(({ row }) => test(row)).length;
      say(node, `${word} ${found}`);
      node.ariaPressed = String(on);
      node.hidden = Boolean(rare) && found === 0 && !on;
    }
    const upgradable = list.filter(selectable).length;
    say(all, `Upgrade all (${upgradable})…`);
    all.disabled = upgradable === 0;
    say(count, `${shown.length} of ${list.length}`);
    say(empty, shown.length ? "" : emptyText(list));
    showSelection();
  }

  function emptyText(list) {
    const { busy, checked: when } = model.get("header") ?? {};
    if (!list.length) return busy ? "Reading the packages…" : "No packages.";
    if (!chips[0].on || list.some(({ row }) => row.update === true)) return "No package matches.";
    return when ? "Everything is up to date." : "Not checked for updates yet.";
  }

  function showSelection() {
    for (const id of selected) if (!lines.has(id) || !selectable(lines.get(id))) selected.delete(id);
    const choices = shown.filter(selectable);
    const ticked = choices.filter(({ row }) => selected.has(row.id)).length;
    say(chosen, `${selected.size} selected${selected.size > ticked ? `, ${selected.size - ticked} not shown` : ""}`);
    say(upgradeChosen, `Upgrade selected (${selected.size})…`);
    foot.hidden = selected.size === 0;
    every.disabled = choices.length === 0;
    every.checked = ticked > 0 && ticked === choices.length;
    every.indeterminate = ticked > 0 && ticked < choices.length;
  }

  function showHeader() {
    const { title: name, where: place, checked: when, busy, refusal, notice: news } = model.get("header") ?? {};
    say(title, name);
    say(where, place);
    say(checked, busy || (when ? `checked ${age(when)} ago` : "not checked yet"));
    say(refused, refusal);
    say(notice, news);
    // Not `disabled`: that would throw the keyboard focus out of the panel right after the click.
    check.ariaDisabled = String(Boolean(busy));
    all.hidden = Boolean(refusal);
    root.classList.toggle("pkgw-readonly", all.hidden);
    if (readOnly === all.hidden) return showCounts();
    readOnly = all.hidden;
    rebuild();
  }

  function tick(some, on) {
    for (const { row, tr } of some) {
      selected[on ? "add" : "delete"](row.id);
      tr.querySelector("[name=select]").checked = on;
    }
    showSelection();
  }

  function press(i) {
    chips[i].on = !chips[i].on;
    layout();
  }

  function sortBy(column) {
    sort = { column, dir: sort.column === column ? -sort.dir : column.first ?? 1 };
    layout();
  }

  const rowActs = {
    upgrade: ({ row }) => model.send({ type: "plan", names: [row.name] }),
    explain: ({ row }) => model.send({ type: "plan", names: [row.name] }),
    retry: ({ row }) => model.send({ type: "retry", names: [row.name] }),
    select: (line, box) => tick([line], box.checked),
    detail: ({ row }) => keepingPlace(() => {
      open.delete(row.id) || open.add(row.id);
      put(row);
    }),
  };

  function onRowClick({ target }) {
    const part = target.closest("[name]");
    if (part) rowActs[part.name](lines.get(part.closest("tr").dataset.id), part);
  }

  function onKey(event) {
    event.stopPropagation(); // the notebook has shortcuts of its own
    if (event.key === "/" && event.target !== search) {
      event.preventDefault();
      search.focus();
    } else if (event.key === "Escape" && search.value) {
      search.value = "";
      layout();
    }
  }

  el.addEventListener("keydown", onKey);
  const events = Object.entries({ "change:header": showHeader, "change:rows": rebuild, "msg:custom": patch });
  for (const [name, fn] of events) model.on(name, fn);
  const clock = setInterval(showHeader, 30_000);

  rebuild();
  showHeader();
  el.append(root);
  return () => {
    clearInterval(clock);
    for (const [name, fn] of events) model.off(name, fn);
    el.removeEventListener("keydown", onKey);
    root.remove();
  };
}

export default { render };
