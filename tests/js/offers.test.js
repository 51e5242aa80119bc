import "./small_dom.js";

import assert from "node:assert/strict";
import { test } from "node:test";

import { currentOffers, leftOutText, makeOffers } from "../../pkgwidgets/widgets/static/table/offers.js";
import { createViewModel } from "../../pkgwidgets/widgets/static/view_model.js";

const CHECKED = { phase: "current", status: "", isInstalledKnown: true, areUpdatesKnown: true, unknownCount: 0 };
const ROWS = [{ id: "pea", bump: "minor" }, { id: "pod", bump: "major" }, { id: "bean", bump: "" }].map((row) => ({ name: row.id, limits: [], ...row }));
const NOW = { revision: 3, readOnly: false };

test("offers count only for the rows for which they were made, once these are checked", () => {
  const offers = { revision: 3, all: { pea: "2.0" }, unlocks: [] };
  assert.equal(currentOffers(offers, CHECKED, 3), offers);
  assert.deepEqual(currentOffers(offers, CHECKED, 4), {});
  assert.deepEqual(currentOffers(offers, { ...CHECKED, areUpdatesKnown: false }, 3), {});
  assert.deepEqual(currentOffers(undefined, CHECKED, 3), {});
});

test("the button has the number of the plan, and no number before there is a plan", () => {
  const model = createViewModel({ offers: {} });
  const offers = makeOffers(model);
  offers.show(ROWS, CHECKED, NOW);
  assert.deepEqual([offers.all.textContent, offers.all.ariaDisabled], ["Upgrade all…", "false"]);
  model.set("offers", { revision: 3, all: { pea: "2.0", pod: "1.1" }, unlocks: [] });
  assert.deepEqual(offers.show(ROWS, CHECKED, NOW), ["pea", "pod"]);
  assert.deepEqual([offers.all.textContent, offers.versionFor("pea")], ["Upgrade all (2)…", "2.0"]);
  assert.deepEqual(offers.show(ROWS, CHECKED, NOW), []);
  offers.show(ROWS, { ...CHECKED, areUpdatesKnown: false }, NOW);
  assert.deepEqual([offers.all.textContent, offers.all.ariaDisabled], ["Upgrade all…", "true"]);
  offers.show(ROWS, CHECKED, { revision: 4, readOnly: false });
  assert.equal(offers.all.textContent, "Upgrade all…");
});

test("nothing is to be upgraded where no row is newer", () => {
  const offers = makeOffers(createViewModel({}));
  offers.show([ROWS[2]], CHECKED, NOW);
  assert.equal(offers.all.ariaDisabled, "true");
});

test("an upgrade that frees others is planned by its button, with them", async () => {
  const text = "pod blocks 1 package: upgrade it to 2.0 to free pea.";
  const model = createViewModel({ offers: { revision: 3, all: {}, unlocks: [{ text, names: ["pod", "pea"] }] } });
  const sent = [];
  model.answer = (message) => sent.push(message);
  const offers = makeOffers(model);
  offers.show(ROWS, CHECKED, NOW);
  assert.equal(offers.note.textContent, `${text} Preview…`);
  offers.note.querySelector("button").onclick();
  await Promise.resolve();
  assert.deepEqual(sent, [{ type: "plan", names: ["pod", "pea"] }]);
  offers.show(ROWS, CHECKED, { revision: 3, readOnly: true });
  assert.equal(offers.note.textContent, "");
});

test("updates that the plan leaves out are counted by its button, and named with a reason", () => {
  const model = createViewModel({ offers: { revision: 3, all: { pea: "2.0" }, unlocks: [] } });
  const offers = makeOffers(model);
  offers.show(ROWS, CHECKED, NOW);
  assert.deepEqual([offers.all.textContent, offers.all.title], ["Upgrade all (1 of 2)…", "Not in it: pod"]);
  model.set("offers", { revision: 3, all: { pea: "2.0", pod: "1.1" }, unlocks: [] });
  offers.show(ROWS, CHECKED, NOW);
  assert.deepEqual([offers.all.textContent, offers.all.title], ["Upgrade all (2)…", ""]);
});

test("a reason for leaving an update out is what its row knows", () => {
  const reasonOf = (fields) => leftOutText([{ id: "pea", name: "pea", limits: [], ...fields }], {});
  assert.equal(reasonOf({ failed: true, blocked_by: "pod <2" }), "Not in it: pea (its upgrade failed)");
  assert.equal(reasonOf({ limits: [{ held: true }], blocked_by: "pod <2" }), "Not in it: pea (held)");
  assert.equal(reasonOf({ blocked_by: "pod <2" }), "Not in it: pea (blocked by pod <2)");
  assert.equal(reasonOf({ limits: [{ held: false }] }), "Not in it: pea");
  assert.equal(leftOutText([], {}), "");
  assert.equal(leftOutText([{ id: "pea" }], null), ""); // there is no plan yet
});
