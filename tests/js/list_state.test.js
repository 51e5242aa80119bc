import assert from "node:assert/strict";
import { test } from "node:test";

import { chipLabel, emptyText, listState } from "../../pkgwidgets/widgets/static/table/list_state.js";
import { completeRow } from "../../pkgwidgets/widgets/static/table/rows.js";

const row = (sent) => completeRow({ name: "pea", version: "1.0", ...sent }, {});
const CURRENT = row({ latest: "1.0" });
const UPDATE = row({ latest: "2.0", bump: "major" });
const UNANSWERED = row({});
const CACHED = row({ latest: "1.0", error: "last checked 3 hours ago" });
const INTACT = row({ latest: "1.0", status: "error", failed: true, error: "an upgrade failed" });
const EDITABLE = row({ origin: "editable" });

// What the kernel or the server says, one after the other.
const EVENTS = {
  "reads": { busy: "reading the packages…" },
  "lists": { busy: "" },
  "begins a check": { busy: "checking for updates, 10 of 138…" },
  "ends a check": { busy: "", checked: "2026-03-01" },
  "fails to check": { busy: "" },
  "begins a change": { changing: "Upgrading pea" },
  "ends a change": { changing: "", busy: "checking for updates…" },
};
const UPDATES = { title: "Updates", asked: true };
const LOADED = { title: "Loaded here" };

// The state before, an event, the rows then: the phase, two chips, and why a list of updates is empty.
const TABLE = [
  [["reads"], [], "reading", "Updates …", "Loaded here …", "Reading the packages…"],
  [["reads", "lists"], [], "unchecked", "Updates", "Loaded here 1", "No packages."],
  [["reads", "lists"], [UNANSWERED], "unchecked", "Updates", "Loaded here 1", "Not checked for updates yet."],
  [["reads", "lists"], [CURRENT], "unchecked", "Updates", "Loaded here 1", "Not checked for updates yet."],
  [["lists", "begins a check"], [UNANSWERED], "checking", "Updates …", "Loaded here 1", "Checking for updates…"],
  [["lists", "begins a check"], [CURRENT], "checking", "Updates …", "Loaded here 1", "Checking for updates…"],
  [["begins a check", "fails to check"], [UNANSWERED], "unchecked", "Updates", "Loaded here 1", "Not checked for updates yet."],
  [["begins a check", "ends a check"], [CURRENT, EDITABLE], "current", "Updates 1", "Loaded here 1", "Everything is up to date."],
  [["begins a check", "ends a check"], [CURRENT, INTACT], "current", "Updates 1", "Loaded here 1", "Everything is up to date."],
  [["begins a check", "ends a check"], [UPDATE], "current", "Updates 1", "Loaded here 1", "No package matches."],
  [["begins a check", "ends a check"], [CURRENT, UNANSWERED], "unknown", "Updates 1", "Loaded here 1",
    "No updates are known. The latest version of 1 of 2 packages is unknown."],
  [["begins a check", "ends a check"], [CACHED], "unknown", "Updates 1", "Loaded here 1",
    "No updates are known. The latest version of 1 of 1 package is unknown."],
  [["ends a check", "begins a check"], [CURRENT], "checking", "Updates …", "Loaded here 1", "Checking for updates…"],
  [["ends a check", "begins a check", "fails to check"], [CURRENT], "current", "Updates 1", "Loaded here 1", "Everything is up to date."],
  [["ends a check", "begins a change"], [CURRENT], "changing", "Updates …", "Loaded here …", "Changing packages…"],
  [["ends a check", "begins a change"], [UPDATE], "changing", "Updates …", "Loaded here …", "Changing packages…"],
  [["lists", "begins a change"], [UNANSWERED], "changing", "Updates …", "Loaded here …", "Changing packages…"],
  [["begins a check", "begins a change"], [CURRENT], "changing", "Updates …", "Loaded here …", "Changing packages…"],
  [["begins a check", "begins a change", "ends a check"], [CURRENT], "changing", "Updates …", "Loaded here …", "Changing packages…"],
  [["begins a change", "ends a change"], [CURRENT], "checking", "Updates …", "Loaded here 1", "Checking for updates…"],
  [["begins a change", "ends a change", "ends a check"], [CURRENT], "current", "Updates 1", "Loaded here 1", "Everything is up to date."],
  [["begins a change", "ends a change", "ends a check"], [UNANSWERED], "unknown", "Updates 1", "Loaded here 1",
    "No updates are known. The latest version of 1 of 1 package is unknown."],
];

for (const [events, rows, phase, updates, loaded, sentence] of TABLE) {
  test(`after it ${events.join(", ")}: ${sentence}`, () => {
    const state = listState(rows, Object.assign({}, ...events.map((name) => EVENTS[name])));
    assert.equal(state.phase, phase);
    assert.deepEqual([chipLabel(UPDATES, 1, state), chipLabel(LOADED, 1, state)], [updates, loaded]);
    assert.equal(emptyText(rows, state, true), sentence);
  });
}

test("every event is in the table", () => {
  assert.deepEqual(new Set(TABLE.flatMap(([events]) => events)), new Set(Object.keys(EVENTS)));
});

test("the status says what runs, else when the index was asked", () => {
  const status = (header) => listState([CURRENT], header).status;
  assert.equal(status({ busy: "checking for updates, 10 of 138…", checked: "2026-03-01" }), "checking for updates, 10 of 138…");
  assert.equal(status({ changing: "Undoing", busy: "checking…" }), "changing packages…");
  assert.equal(status({}), "not checked yet");
  assert.match(status({ checked: "2026-03-01" }), /^checked .* ago$/);
});

test("a filter without a match is no news about updates", () => {
  assert.equal(emptyText([CURRENT], listState([CURRENT], EVENTS["ends a check"]), false), "No package matches.");
});

test("no update is counted as none where answers are missing", () => {
  const unknown = listState([CURRENT, UNANSWERED], EVENTS["ends a check"]);
  assert.deepEqual([chipLabel(UPDATES, 0, unknown), chipLabel(UPDATES, 2, unknown), chipLabel(LOADED, 0, unknown)], ["Updates", "Updates 2", "Loaded here 0"]);
});
