import "./small_dom.js";

import assert from "node:assert/strict";
import { test } from "node:test";

import { names, rowCells } from "../../pkgwidgets/widgets/static/table/cells.js";
import { placeAt, topOf } from "../../pkgwidgets/widgets/static/table/grid.js";
import { link } from "../../pkgwidgets/widgets/static/table/parts.js";
import { CHIPS, COLUMNS, completeRow, matches, rowOrder, suggestedVersion } from "../../pkgwidgets/widgets/static/table/rows.js";

const LABELS = { upgrade: "Upgrade…", explain: "Why blocked?", retry: "Retry" };
const row = (sent) => completeRow({ name: "pea", version: "1.0", ...sent }, LABELS);
const column = (key) => COLUMNS.find((each) => each.key === key);
const sorted = (rows, key, dir = 1) => rows.toSorted(rowOrder({ column: column(key), dir })).map(({ name }) => name);
const chip = (title) => CHIPS.find((each) => each.title === title).test;
const CLOSED = { readOnly: false, checked: false, open: false };
const cellOf = (made, key, state = {}) => rowCells(made, { ...CLOSED, ...state }).find((node) => node.dataset.key === key);

test("a row gets what the kernel left out", () => {
  const made = row({ summary: "Seeds" });
  assert.deepEqual([made.id, made.status, made.origin, made.label, made.words], ["pea", "installed", "index", "", "pea\nseeds"]);
  assert.equal(row({ id: "the-pea" }).id, "the-pea");
});

test("a button says what the kernel says, for this row or for all", () => {
  assert.equal(row({ action: "upgrade" }).label, "Upgrade…");
  assert.equal(row({ action: "upgrade", label: "Upgrade to 1.5…" }).label, "Upgrade to 1.5…");
  assert.equal(completeRow({ name: "pea", action: "retry" }, { retry: "Again" }).label, "Again");
});

test("names are sorted as people count, whatever their case", () => {
  const rows = ["pod-10", "Pod-9", "apple"].map((name) => row({ name }));
  assert.deepEqual(sorted(rows, "name"), ["apple", "Pod-9", "pod-10"]);
  assert.deepEqual(sorted(rows, "name", -1), ["pod-10", "Pod-9", "apple"]);
});

test("the biggest step is sorted first, and blanks last both ways", () => {
  const rows = [["a", "", ""], ["b", "2", "major"], ["c", "2", "patch"], ["d", "1", ""]].map(([name, latest, bump]) => row({ name, latest, bump }));
  assert.deepEqual(sorted(rows, "latest", -1), ["b", "c", "d", "a"]);
  assert.deepEqual(sorted(rows, "latest", 1), ["d", "c", "b", "a"]);
});

test("equal rows are sorted by name", () => {
  assert.deepEqual(sorted([row({ name: "b" }), row({ name: "a" })], "blocked", -1), ["a", "b"]);
});

test("a text and all pressed chips must match", () => {
  const made = row({ bump: "minor", latest: "1.1", summary: "Seeds in rows" });
  assert.ok(matches(made, "in rows", [chip("Updates")]));
  assert.ok(!matches(made, "in columns", []));
  assert.ok(!matches(made, "", [chip("Updates"), chip("Requested")]));
});

test("chips tell problems, blocked and loaded ones", () => {
  assert.deepEqual(["Problems", "Blocked", "Loaded here"].map((title) => chip(title)(row({ status: "error" }))), [true, false, false]);
  assert.deepEqual(["Problems", "Blocked", "Loaded here"].map((title) => chip(title)(row({ blocked_by: "x", loaded: "1" }))), [false, true, true]);
  assert.equal(chip("Problems")(row({ status: "error", failed: true, error: "it cannot be imported" })), false);
});

test("a failed upgrade of an intact package is called so, with the reason on hover", () => {
  for (const action of ["upgrade", "explain", ""]) {
    const made = row({ failed: true, error: "it cannot be imported", action });
    const { textContent, title } = cellOf(made, "action").querySelector("span");
    assert.deepEqual([textContent, title], ["upgrade failed", "it cannot be imported"]);
    const beside = cellOf(made, "name").querySelector("span.pkgw-failed"); // for a narrow panel
    assert.deepEqual([beside.textContent, beside.title], ["upgrade failed", "it cannot be imported"]);
    assert.equal(cellOf(made, "latest").textContent, ""); // nothing is unknown
  }
  const unknown = cellOf(row({ error: "no answer", action: "retry" }), "action");
  assert.equal(unknown.querySelector("span").textContent, "no answer");
  assert.equal(cellOf(row({ error: "no answer" }), "name").querySelector("span.pkgw-failed"), null);
});

test("the button of a blocked row names the package", () => {
  assert.equal(cellOf(row({ action: "explain" }), "action").querySelector("button").ariaLabel, "Why blocked? pea");
});

test("the marked version is suggested, else the first", () => {
  assert.equal(suggestedVersion({ versions: [{ version: "2" }, { version: "1", pick: true }] }), "1");
  assert.equal(suggestedVersion({ versions: [{ version: "2" }] }), "2");
  assert.equal(suggestedVersion({}), undefined);
});

test("rows under an open one are further down", () => {
  const open = [[1, 100]];
  assert.deepEqual([0, 1, 2, 3].map((place) => topOf(place, 36, open)), [0, 36, 172, 208]);
  assert.deepEqual([0, 35, 36, 171, 172, 9_999, -5].map((pixels) => placeAt(pixels, 4, 36, open)), [0, 0, 1, 1, 2, 3, 0]);
  assert.equal(placeAt(100, 0, 36, []), 0);
});

test("a row's button is spoken with the package's name", () => {
  const made = cellOf(row({ action: "upgrade", label: "Upgrade to 1.5…" }), "action").querySelector("button");
  assert.deepEqual([made.name, made.textContent, made.querySelector("span").textContent], ["upgrade", "Upgrade pea to 1.5…", " pea"]);
});

test("a button without a version is spoken with the name before its mark", () => {
  const made = cellOf(row({ action: "upgrade" }), "action").querySelector("button");
  assert.deepEqual([made.textContent, made.ariaLabel], ["Upgrade…", "Upgrade pea…"]);
});

test("a read-only list offers only to ask again", () => {
  const offered = (action, readOnly) => Boolean(cellOf(row({ action }), "action", { readOnly }).querySelector("button"));
  assert.deepEqual([offered("upgrade", false), offered("upgrade", true), offered("retry", true)], [true, false, true]);
  assert.equal(cellOf(row({ action: "upgrade" }), "select", { readOnly: true }).querySelector("input").disabled, true);
});

test("what is under way is said in the place of a button", () => {
  assert.equal(cellOf(row({ status: "upgrading" }), "action").textContent, "upgrading…");
});

test("the latest version is unknown after an error", () => {
  assert.equal(cellOf(row({ error: "no answer" }), "latest").textContent, "unknown");
  assert.equal(cellOf(row({ latest: "2.0", bump: "major" }), "latest").textContent, "2.0major");
  assert.equal(cellOf(row({ origin: "editable" }), "latest").textContent, "editable");
});

test("a cell is reached itself only where it holds nothing to press", () => {
  assert.equal(cellOf(row({}), "version").tabIndex, -1);
  assert.equal(cellOf(row({}), "name").tabIndex, undefined);
});

test("an open row offers to change what may be changed", () => {
  const more = { changeable: true, versions: [{ version: "1.0", pick: true }, { version: "0.9" }] };
  const pressable = (state) => cellOf(row({}), "detail", { open: true, more, ...state }).querySelectorAll("button").map(({ name, ariaDisabled }) => [name, ariaDisabled]);
  assert.deepEqual(pressable({}), [["pick", "true"], ["hold", undefined], ["uninstall", undefined]]); // it has that version
  assert.deepEqual(pressable({ picked: "0.9" })[0], ["pick", "false"]);
  assert.deepEqual(pressable({ readOnly: true }), []);
  assert.equal(cellOf(row({}), "detail"), undefined);
});

test("only addresses of web pages become links", () => {
  assert.equal(link(["Home", "https://example.invalid/"]).href, "https://example.invalid/");
  assert.equal(link(["", "https://example.invalid/a"]).textContent, "example.invalid");
  for (const address of ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "no address", ""]) assert.equal(link(["x", address]), null);
});

test("of many names the first four are listed", () => {
  assert.equal(names("Requires", [..."abcdef"]).textContent, "Requires a, b, c, d +2");
  assert.equal(names("Requires", [..."abcde"]).textContent, "Requires a, b, c, d, e");
  assert.equal(names("Requires", [..."abcdef"], true).querySelector("button"), null);
  assert.equal(names("Requires", []), null);
});

test("a row says what an upgrade of everything does beyond its own offer", () => {
  const blocked = row({ action: "upgrade", label: "Upgrade to 1.5…", latest: "2.0", blocked_by: "pod <2" });
  const titleOf = (made, inAll) => cellOf(made, "action", { inAll }).querySelector("button").title;
  assert.equal(titleOf(blocked, "2.0"), "Upgrade pea to 1.5. Upgrade all takes it to 2.0");
  assert.equal(titleOf(blocked, "1.5"), "Upgrade pea to 1.5");
  assert.equal(titleOf(blocked, undefined), "Upgrade pea to 1.5");
  assert.equal(titleOf(row({ action: "upgrade", latest: "2.0" }), "2.0"), "Upgrade pea");
  assert.equal(titleOf(row({ action: "explain", label: "Why blocked?", latest: "2.0" }), "2.0"), "Why blocked? pea. Upgrade all takes it to 2.0");
});

test("the badge stands beside what it speaks of: the latest version, or the offer of another one", () => {
  const badges = (sent, state) => ["latest", "action"].map((key) => cellOf(row({ latest: "2.0", bump: "major", ...sent }), key, state).querySelector("span.pkgw-badge")?.textContent ?? "");
  const other = { action: "upgrade", label: "Upgrade to 1.5…", step: "minor" };
  assert.deepEqual(badges({ action: "upgrade" }), ["major", ""]);
  assert.deepEqual(badges({ action: "explain" }), ["major", ""]);
  assert.deepEqual(badges(other), ["", "minor"]);
  assert.deepEqual(badges(other, { readOnly: true }), ["major", ""]); // there is no offer
  const isNewer = (sent) => cellOf(row(sent), "latest").matches(".pkgw-newer");
  assert.deepEqual([{ latest: "2.0", bump: "major", ...other }, { latest: "1.0" }].map(isNewer), [true, false]);
});
