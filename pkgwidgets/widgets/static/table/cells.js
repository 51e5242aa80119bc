// What a row of the list looks like. The files cells.js, grid.js and table.js are one module: `table.py` joins them.

const COLUMNS = [
  { key: "name", title: "Package", value: (row) => row.name },
  { key: "version", title: "Installed", value: (row) => row.version },
  // Only the kernel knows how versions compare: `bump` is its size of the step. The biggest comes first.
  { key: "latest", title: "Latest", value: (row) => (row.latest ? STEPS.indexOf(row.bump) : ""), first: -1 },
  { key: "blocked", title: "Blocked by", value: (row) => row.blocked_by },
  { key: "released", title: "Released", value: (row) => row.released || "", first: -1 },
];
const SOME = 4; // names that an open row lists before it counts the others
const STEPS = ["", "other", "patch", "minor", "major"];

// What is `asked` for is known only of what the index has answered.
const CHIPS = [
  { title: "Updates", test: (row) => Boolean(row.bump), asked: true },
  { title: "Loaded here", test: (row) => Boolean(row.loaded) },
  { title: "Requested", test: (row) => row.requested },
  { title: "Blocked", test: (row) => Boolean(row.blocked_by), asked: true },
  { title: "Problems", test: (row) => Boolean(row.error) || row.status === "error", rare: true },
];

// What a row is as long as the kernel says nothing else: most rows say little.
const PLAIN = {
  version: "", latest: "", bump: "", blocked_by: "", released: 0, status: "installed", requested: false,
  loaded: "", origin: "index", summary: "", error: "", action: "", label: "", note: "",
};
const BOXED = "button:not(.pkgw-retry)";
const LABELS = { upgrade: "Upgrade", explain: "Blocked…", retry: "Retry" };

function completed(sent) {
  const row = { ...PLAIN, id: sent.name, ...sent };
  row.label ||= LABELS[row.action] ?? "";
  row.words = `${row.name}\n${row.summary}`.toLowerCase();
  return row;
}

// In minutes. A unit serves from two of it on: "9 days" says more than "1 week".
const AGES = [["years", 525_600], ["months", 43_800], ["weeks", 10_080], ["days", 1_440], ["h", 60], ["min", 1]];

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

function age(seconds) {
  if (!seconds) return "";
  const minutes = Date.now() / 60_000 - seconds / 60;
  const [unit, size] = AGES.find(([, length]) => minutes >= 2 * length) ?? [];
  return unit ? `${Math.floor(minutes / size)} ${unit}` : "moments";
}

const day = (seconds) => new Date(seconds * 1_000).toLocaleDateString(undefined, { dateStyle: "medium" });
const button = (text, props) => h("button", { type: "button", ...props }, text);
// In the list one part at a time is reached with Tab, the others with the arrows.
const part = (text, props) => button(text, { tabIndex: -1, ...props });
const checkbox = (label, props) => h("input", { type: "checkbox", ariaLabel: label, tabIndex: -1, ...props });
const bar = (name, ...children) => h("div", { className: `pkgw-row pkgw-${name}` }, ...children);
const status = (name) => h("span", { className: `pkgw-dim pkgw-${name}`, role: "status" });
const dim = (text) => text && h("span", { className: "pkgw-dim" }, text);
const clip = (text, className = "") => text && h("span", { className: `pkgw-clip ${className}`, title: text }, text);
const warn = (text) => clip(text, "pkgw-warn");

// Rows are laid out as grids, which takes the table roles away unless they are given again.
function madeCell(tag, role, key, children) {
  const node = h(tag, { className: `pkgw-cell pkgw-c-${key}`, role }, ...children);
  node.dataset.key = key;
  return node;
}

const headCell = (key, ...children) => madeCell("th", "columnheader", key, children);

// A cell that holds nothing to press is reached itself.
function cell(key, ...children) {
  const node = madeCell("td", "gridcell", key, children);
  if (key === "detail" || !node.querySelector(PARTS)) node.tabIndex = -1;
  return node;
}

function latestCell({ latest, bump, error, origin }) {
  if (latest) return cell("latest", clip(latest), bump && h("span", { className: `pkgw-badge pkgw-${bump}` }, bump));
  return cell("latest", error ? warn("unknown") : origin !== "index" && dim(origin));
}

function actionCell({ name, action, label, note, error, status }, readOnly) {
  const [verb, ...rest] = label.split(" ");
  const spoken = [verb, name, ...rest].join(" "); // "Upgrade pandas to 2.3.3"
  const offered = action && !(readOnly && action !== "retry");
  const words = note || (status.endsWith("ing") ? `${status}…` : "");
  const end = offered ? part(label, { className: `pkgw-${action}`, name: action, ariaLabel: spoken, title: spoken }) : words && clip(words, "pkgw-dim");
  return cell("action", warn(error), error && end && !end.matches(BOXED) && dim("·"), end);
}

// Addresses come from strangers, too: only those of web pages become links.
function link([text, address]) {
  const url = URL.canParse(address) && new URL(address);
  if (!url || !["http:", "https:"].includes(url.protocol)) return null;
  return h("a", { href: url.href, target: "_blank", rel: "noopener noreferrer", tabIndex: -1, title: url.href }, text || url.host);
}

const line = (...children) => children.some(Boolean) && h("div", null, ...children);
const fact = (label, text) => text && h("span", { className: "pkgw-fact" }, dim(label), " ", text);

// The first few of many names; a button shows the rest.
function names(label, all = [], row, unfolded) {
  if (!all.length) return null;
  const most = unfolded || all.length <= SOME + 1 ? all.length : SOME;
  const more = all.length - most;
  const rest = more > 0 && part(`+${more}`, { name: "unfold", className: "pkgw-quiet pkgw-rest", ariaLabel: `${label}: ${more} more`, title: all.slice(most).join(", ") });
  return h("span", { className: "pkgw-fact" }, dim(label), " ", all.slice(0, most).join(", "), rest && " ", rest);
}

const optionText = ({ version, note, day }) => [version, note, day].filter(Boolean).join(" · ");
const suggested = ({ versions = [] }) => (versions.find(({ pick }) => pick) ?? versions[0])?.version;

function versionChoice(row, { versions, failed }, picked) {
  if (failed) return h("span", { className: "pkgw-warn", role: "status" }, failed);
  if (!versions) return h("span", { className: "pkgw-waiting", role: "status" }, h("span", { className: "pkgw-spinner", ariaHidden: "true" }), "asking the index for versions…");
  if (!versions.length) return dim("no version on the index that this Python can have");
  const options = versions.map((each) => h("option", { value: each.version, selected: each.version === picked }, optionText(each)));
  return h("label", { className: "pkgw-choice" }, dim("Version"), h("select", { className: "pkgw-select", ariaLabel: `Version of ${row.name}`, tabIndex: -1 }, ...options));
}

// The lines under an open row. They repeat what a narrow panel hides; `more` is what the kernel adds when it is asked.
function detailCell(row, { readOnly, more = {}, picked, unfolded }) {
  const links = (more.links ?? []).map(link).filter(Boolean).flatMap((each, i) => (i ? [dim("·"), each] : [each]));
  const pick = picked ?? suggested(more);
  return cell("detail",
    h("div", { className: "pkgw-about" }, more.summary || row.summary, ...links),
    line(names("Requires", more.requires, row, unfolded), names("Required by", more.required_by, row, unfolded)),
    line(fact("Blocked by", warn(more.blocked_by || row.blocked_by))),
    line(
      fact("Released", row.released && `${day(row.released)} (${row.latest})`),
      fact("Installed", more.installed && `${day(more.installed)}${row.requested ? ", asked for" : ""}`),
      fact("Last upgraded", more.upgraded && day(more.upgraded)),
      fact("Size", more.size),
      fact("Origin", row.origin !== "index" && row.origin),
      fact("Loaded", row.loaded === row.version && "in this kernel"),
      fact("In", more.path)),
    row.loaded && row.loaded !== row.version && line(warn(`${row.loaded} is still loaded`)),
    row.error && line(warn(more.error || row.error)),
    more.changeable && !readOnly && h("div", { className: "pkgw-more" },
      versionChoice(row, more, pick),
      more.versions?.length > 0 && part("Plan…", { name: "pick", ariaLabel: `Plan the chosen version of ${row.name}`, ariaDisabled: String(pick === row.version) }),
      part("Uninstall…", { name: "uninstall", className: "pkgw-quiet", ariaLabel: `Uninstall ${row.name}` })));
}

function rowCells(row, { readOnly, checked, open, ...state }) {
  const disabled = readOnly || row.action !== "upgrade";
  const folding = { className: "pkgw-name", title: row.name, name: "detail", ariaExpanded: String(open) };
  return [
    cell("select", checkbox(`Select ${row.name}`, { checked, disabled, name: "select" })),
    cell("name", part(row.name, folding), row.loaded && h("span", { className: "pkgw-dim pkgw-loaded" }, "· loaded")),
    cell("version", clip(row.version)),
    latestCell(row),
    cell("blocked", warn(row.blocked_by)),
    cell("released", row.released > 0 && dim(age(row.released))),
    actionCell(row, readOnly),
    ...(open ? [detailCell(row, { readOnly, ...state })] : []),
  ];
}
