import "./small_dom.js";

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { agoNode, agoText, countNoun, durationText, exactTime, joinNames } from "../../pkgwidgets/widgets/static/formats.js";
import { countedLabel, LABELS, namedLabel } from "../../pkgwidgets/widgets/static/labels.js";

const AGES = JSON.parse(readFileSync(new URL("ages.json", import.meta.url), "utf-8"));

test("an age is given in the unit of which there are two", () => {
  for (const [seconds, text] of AGES) assert.equal(agoText(1e9 - seconds, 1e9), text);
  assert.equal(agoText(0), "");
  assert.equal(agoText(1e9 + 60, 1e9), "a moment ago"); // the clocks differ
});

test("an exact time is in ISO 8601", () => {
  assert.equal(exactTime(1_776_083_400), "2026-04-13 12:30 UTC");
  assert.equal(exactTime(0), "");
});

test("an age has the exact time on hover", () => {
  const node = agoNode(1_776_083_400, " (2.3.3)");
  assert.match(node.textContent, /^.+ ago \(2\.3\.3\)$|^a moment ago \(2\.3\.3\)$/);
  assert.deepEqual([node.title, node.dateTime], ["2026-04-13 12:30 UTC", "2026-04-13T12:30:00.000Z"]);
});

test("a time that cannot be read is shown as nothing", () => {
  const node = agoNode(Date.parse("no date") / 1_000);
  assert.deepEqual([node.textContent, node.title, node.dateTime], ["", "", ""]);
});

test("durations have one unit", () => {
  assert.deepEqual([0, 1.23, 9.94, 9.96, 119, 120, 3_600].map(durationText), ["0.0 s", "1.2 s", "9.9 s", "10 s", "119 s", "2 min", "60 min"]);
  assert.deepEqual([undefined, null, -1].map(durationText), ["", "", ""]);
});

test("counts and names are formatted as in a sentence", () => {
  assert.deepEqual([0, 1, 2].map((number) => countNoun(number, "change")), ["0 changes", "1 change", "2 changes"]);
  assert.deepEqual([[], ["a"], ["a", "b"], ["a", "b", "c"]].map(joinNames), ["", "a", "a and b", "a, b and c"]);
});

test("a label has its count before the ellipsis", () => {
  assert.equal(countedLabel(LABELS.upgradeAll, 6), "Upgrade all (6)…");
  assert.equal(countedLabel(LABELS.upgradeAll, 6, 7), "Upgrade all (6 of 7)…");
  assert.equal(countedLabel(LABELS.upgradeAll, 0), "Upgrade all…");
});

test("a name stands before what says that a plan comes first", () => {
  assert.deepEqual(["Undo…", "Undo"].map((label) => namedLabel(label, "pea $&")), ["Undo pea $&…", "Undo pea $&"]);
});
