import "./small_dom.js";

import assert from "node:assert/strict";
import { test } from "node:test";

import { rowCells } from "../../pkgwidgets/widgets/static/table/cells.js";
import { CHIPS, completeRow } from "../../pkgwidgets/widgets/static/table/rows.js";
import { safetySide } from "../../pkgwidgets/widgets/static/rest/safety_side.js";
import { Refusal } from "../../pkgwidgets/widgets/static/rest/server.js";
import { createViewModel } from "../../pkgwidgets/widgets/static/view_model.js";

const entry = (id, more = {}) => ({ id, severity: "high", summary: "Seeds leak", link: `https://example.invalid/${id}`, error: "", ...more });
const advised = (more = {}) => ({ count: 1, list: [entry("A-1")], more: 0, safe: "1.2", blocked_by: "", ...more });
const row = (more) => completeRow({ name: "pea", version: "1.0", ...more }, {});
const cellOf = (made, key, state = {}) => rowCells(made, { readOnly: false, checked: false, open: false, ...state }).find((node) => node.dataset.key === key);
const mark = (made) => cellOf(made, "name").children.find(({ className }) => className.includes("pkgw-flag"));
const detail = (made, state = {}) => cellOf(made, "detail", { open: true, more: { changeable: true, versions: [] }, ...state });
const buttons = (node) => node.querySelectorAll("button").map(({ name }) => name).filter(Boolean);

test("a row without advisories and holds has no mark", () => {
  assert.equal(mark(row({})), undefined);
});

test("the mark of one advisory is its link, that of more a count", () => {
  const one = mark(row({ advisories: advised() }));
  assert.deepEqual([one.localName, one.href, one.textContent], ["a", "https://example.invalid/A-1", "1 advisory"]);
  assert.equal(one.title, "A-1 · high · Seeds leak\nSafe version: 1.2");
  const two = mark(row({ advisories: advised({ count: 2, list: [entry("A-1"), entry("A-2")] }) }));
  assert.deepEqual([two.localName, two.textContent], ["span", "2 advisories"]);
});

test("a hostile address is no link", () => {
  const made = row({ advisories: advised({ list: [entry("A-1", { link: "javascript:alert(1)" })] }) });
  assert.equal(mark(made).localName, "span");
  assert.equal(detail(made).querySelectorAll("a").length, 0);
});

test("an advisory of unknown effect is not counted, and never looks safe", () => {
  const made = row({ advisories: advised({ count: 0, list: [entry("A-1", { error: "it is not known" })] }) });
  assert.equal(mark(made).textContent, "advisory unknown");
  assert.ok(detail(made).textContent.includes("it is not known"));
  assert.ok(!buttons(detail(made)).includes("fix"));
});

test("the open row has each advisory, the safe version and the fix", () => {
  const made = row({ advisories: advised({ more: 3 }) });
  const shown = detail(made);
  for (const text of ["Advisory A-1", "high", "Seeds leak", "and 3 more", "Safe version 1.2"]) assert.ok(shown.textContent.includes(text), text);
  assert.ok(buttons(shown).includes("fix"));
  assert.ok(!buttons(detail(made, { readOnly: true })).includes("fix"));
});

test("without a safe version the open row says what blocks it", () => {
  const shown = detail(row({ advisories: advised({ safe: "", blocked_by: "pod <3" }) }));
  assert.ok(shown.textContent.includes("Safe version none"));
  assert.ok(shown.textContent.includes("pod <3"));
  assert.ok(!buttons(shown).includes("fix"));
});

test("a held row says since when, by whom and why, and can be released", () => {
  const made = row({ limits: [{ versions: "<3", text: "since 2026-11-30 by ada: charts", held: true }, { versions: "<4", text: "UV_CONSTRAINT", held: false }] });
  assert.deepEqual([mark(made).textContent, mark(made).title], ["held", "held at <3 since 2026-11-30 by ada: charts"]);
  const shown = detail(made);
  for (const text of ["Held at <3", "by ada: charts", "Limited to <4", "UV_CONSTRAINT"]) assert.ok(shown.textContent.includes(text), text);
  assert.deepEqual(shown.querySelectorAll("[name=unhold]").map(({ value }) => value), ["<3"]);
  assert.equal(detail(made, { readOnly: true }).querySelector("[name=unhold]"), null);
  assert.equal(mark(row({ limits: [{ versions: "<4", text: "UV_CONSTRAINT", held: false }] })), undefined);
});

test("only a row with an update offers to skip it", () => {
  assert.ok(!buttons(detail(row({}))).includes("skip"));
  assert.ok(buttons(detail(row({ bump: "minor", latest: "1.1" }))).includes("skip"));
});

test("the chip shows the rows with advisories, unknown ones too", () => {
  const { test: matches, rare } = CHIPS.find(({ title }) => title === "Advisories");
  assert.deepEqual([rare, matches(row({})), matches(row({ advisories: advised({ count: 0 }) }))], [true, false, true]);
});

function side(answers) {
  const asked = [];
  const ask = (method) => async (path, body) => {
    asked.push([method, path, body]);
    const answer = answers[method];
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const model = createViewModel({ header: {}, rows: [{ name: "Pea", id: "pea" }], advisories: { pea: advised() }, holds: {} });
  const told = [];
  model.on("msg:custom", (message) => told.push(message));
  const server = { get: ask("get"), put: ask("put"), remove: ask("remove"), isEnded: () => false };
  const setHeader = (fields) => model.set("header", { ...model.get("header"), ...fields });
  let refreshed = 0;
  const marks = safetySide(server, model, { setHeader, refresh: async () => { refreshed += 1; } });
  return { asked, model, told, marks, refreshed: () => refreshed };
}

test("advisories come from the server, and old ones go when it does not answer", async () => {
  const known = side({ get: { advisories: { bean: advised() }, notice: "unknown" } });
  await known.marks.load();
  assert.deepEqual([Object.keys(known.model.get("advisories")), known.model.get("header").advisories], [["bean"], "unknown"]);
  const dead = side({ get: new Refusal("The server does not answer.") });
  await dead.marks.load();
  assert.deepEqual([dead.model.get("advisories"), dead.model.get("header").advisories], [{}, "The server does not answer."]);
});

test("a hold is sent with its day only if there is one, and the list is read again", async () => {
  const { asked, told, marks, refreshed } = side({ put: {}, remove: {} });
  await marks.hold({ names: ["Pea"], versions: "<3", reason: "charts", until: "" });
  await marks.hold({ names: ["Pea"], versions: "<3", reason: "", until: "2999-01-01" });
  await marks.unhold({ names: ["Pea"], versions: "<3" });
  assert.deepEqual(asked, [
    ["put", "holds/Pea", { versions: "<3", reason: "charts" }],
    ["put", "holds/Pea", { versions: "<3", reason: "", until: "2999-01-01" }],
    ["remove", "holds/Pea", { versions: "<3" }],
  ]);
  assert.deepEqual(told, Array.from({ length: 3 }, () => ({ type: "hold", id: "pea", error: "" })));
  assert.equal(refreshed(), 3);
});

test("a refused hold is told to its form, and nothing is read again", async () => {
  const { told, marks, refreshed } = side({ put: new Refusal("No such version.") });
  await marks.hold({ names: ["Pea"], versions: "newest", reason: "", until: "" });
  assert.deepEqual([told, refreshed()], [[{ type: "hold", id: "pea", error: "No such version." }], 0]);
});

test("a publisher that changed is a warning, the same one a quiet line", () => {
  const line = (more) => detail(row({}), { more }).children.find(({ textContent }) => textContent.includes("is by"));
  assert.ok(line({ publisher: "pea 2 is by GitHub pea/pea.", publisher_warns: true }).children[0].className.includes("pkgw-warn"));
  assert.ok(line({ publisher: "pea 2 is by GitHub pea/pea." }).children[0].className.includes("pkgw-dim"));
  assert.equal(line({}), undefined);
});
