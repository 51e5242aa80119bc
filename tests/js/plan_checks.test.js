import "./small_dom.js";

import assert from "node:assert/strict";
import { test } from "node:test";

import { comparedCell, impactNodes, rehearsalNodes } from "../../pkgwidgets/widgets/static/plan_checks.js";

const CELL = {
  place: "cell 1", verdict: "different output", bad: true, source: "x",
  before: "one\ntwo\nthree", after: "two\none\nthree", changed_before: [1], changed_after: [0],
};
const marked = (node) => node.querySelectorAll("pre").slice(1).map((side) => side.querySelectorAll("span.pkgw-differs").map((line) => line.textContent.trim()));

test("the marks that the kernel sent are drawn", () => {
  assert.deepEqual(marked(comparedCell(CELL)), [["two"], ["two"]]);
});

test("no line is marked that the kernel did not name", () => {
  assert.deepEqual(marked(comparedCell({ ...CELL, changed_before: [], changed_after: [0, 2] })), [[], ["two", "three"]]);
});

test("both outputs are shown whole, and an empty one is named so", () => {
  const [, before, after] = comparedCell({ ...CELL, after: "", changed_after: [] }).querySelectorAll("pre");
  assert.equal(before.textContent, CELL.before);
  assert.equal(after.textContent, "no output");
});

test("a cell says what became of it, and a regression stands out", () => {
  const badge = (cell) => comparedCell(cell).querySelector("span.pkgw-badge");
  assert.equal(badge(CELL).textContent, "different output");
  assert.ok(badge(CELL).matches(".pkgw-s-breaks"));
  assert.ok(!badge({ ...CELL, bad: false }).matches(".pkgw-s-breaks"));
});

const RESULT = { kind: "bad", text: "1 of 1 cell would fail.", cells: [CELL], broken: true };

test("a plan without breaking upgrades is offered where something breaks and the plan is whole", () => {
  const offers = (found, whole) => rehearsalNodes(found, whole, () => {})[0].querySelectorAll("button").length;
  assert.deepEqual([offers(RESULT, true), offers(RESULT, false), offers({ ...RESULT, broken: false }, true)], [1, 0, 0]);
});

const use = (cell, severity) => ({ cell: `In [${cell}]`, package: "pea", name: "pea.pod", finding: "<gone>", severity });

test("what breaks is shown at once, what fits is folded away", () => {
  const rows = [use(1, "breaks"), use(2, "none"), use(3, "indirect")];
  const [sentence, first, fold, rest] = impactNodes({ state: "done", text: "1 cell would fail.", rows }, () => {});
  assert.equal(sentence.textContent, "Code of this notebook: 1 cell would fail.");
  assert.deepEqual(first.querySelectorAll("th.pkgw-place").map((node) => node.textContent), ["In [1]"]);
  assert.equal(fold.textContent, "2 more");
  assert.equal(rest.hidden, true);
  assert.match(rest.textContent, /unaffected.*<gone>/);
});

test("what reading left unknown is folded away once the rehearsal has run it", () => {
  const texts = (rows, isRehearsed) => impactNodes({ state: "done", text: "Whether 1 cell would fail is unknown.", rows }, () => {}, isRehearsed).map((node) => node.textContent);
  assert.match(texts([use(1, "unknown")], false)[0], /whether 1 cell would fail is unknown/);
  const [sentence, fold] = texts([use(1, "unknown"), use(2, "none")], true);
  assert.equal(sentence, "Code of this notebook: what reading it left unknown, the rehearsal has run.");
  assert.equal(fold, "Show all 2");
  assert.match(texts([use(1, "unknown"), use(2, "breaks")], true)[0], /whether 1 cell/, "what breaks stays");
});

test("of many findings four are shown at once", () => {
  const rows = [1, 2, 3, 4, 5, 6].map((cell) => use(cell, "breaks"));
  const [, first, fold] = impactNodes({ state: "done", text: "6 cells would fail.", rows }, () => {});
  assert.equal(first.querySelectorAll("th.pkgw-place").length, 4);
  assert.equal(fold.textContent, "2 more");
});

test("a dear look is only offered", () => {
  const [sentence] = impactNodes({ state: "offered", text: "It can be read; 300 MB must be fetched for that." }, () => {});
  assert.equal(sentence.textContent, "Code of this notebook: it can be read; 300 MB must be fetched for that. Analyze");
});

test("what was found by reading and what was found by running are told apart", () => {
  const [read] = impactNodes({ state: "done", text: "1 cell would fail." }, () => {});
  const [ran] = rehearsalNodes({ ...RESULT, cells: [] }, false, () => {});
  assert.deepEqual([read.querySelector("strong").textContent, ran.querySelector("strong").textContent], ["Code of this notebook:", "Rehearsal:"]);
  const [reading] = impactNodes({ state: "looking" }, () => {});
  assert.equal(reading.textContent, "Reading the code of this notebook for uses of changed packages…");
});
