import "./small_dom.js";

import assert from "node:assert/strict";
import { test } from "node:test";

import { canInsert, canSave, cellOf, commandsOf, config, insertBelow, pathOf, save } from "../../pkgwidgets/widgets/static/jupyter_page.js";
import { lossText } from "../../pkgwidgets/widgets/static/restart_prompt.js";

const VIEW = "application/vnd.jupyter.widget-view+json";
const output = (id) => ({ data: { [VIEW]: { model_id: id } } });

function modelIn(cells, { home = "panel", readOnly = false, ...notebook } = {}) {
  const inserted = [];
  const sharedModel = { cells, insertCell: (place, cell) => inserted.push([place, cell]) };
  const context = { path: "a/b.ipynb", model: { sharedModel, readOnly, dirty: false }, ...notebook };
  return { get: (name) => (name === "home" ? home : ""), widget_manager: { context }, inserted, context };
}

const CELLS = [{ outputs: [] }, { getOutputs: () => [output("other")] }, { outputs: [output("panel")] }, {}];

test("the panel's cell is the one that shows its model", () => {
  assert.equal(cellOf(modelIn(CELLS)), 2);
  assert.equal(cellOf(modelIn(CELLS, { home: "other" })), 1);
});

test("a panel that no cell shows has none", () => {
  assert.equal(cellOf(modelIn(CELLS, { home: "docked" })), -1);
  assert.equal(cellOf(modelIn(CELLS, { home: "" })), -1);
  assert.equal(cellOf({ get: () => "panel" }), -1);
});

test("the path is the notebook's, or unknown", () => {
  assert.equal(pathOf(modelIn(CELLS)), "a/b.ipynb");
  assert.equal(pathOf({ get: () => "" }), "");
});

test("a cell is put below the panel's, where the notebook may be changed", () => {
  const model = modelIn(CELLS);
  insertBelow(model, "x = 1");
  assert.deepEqual(model.inserted, [[3, { cell_type: "code", source: "x = 1", metadata: {} }]]);
  assert.equal(canInsert(model), true);
  assert.equal(canInsert(modelIn(CELLS, { readOnly: true })), false);
  assert.equal(canInsert(modelIn([])), false);
});

test("a notebook is saved only if it is not, and a failure is told", async () => {
  const model = modelIn(CELLS);
  let saves = 0;
  model.context.save = async () => {
    saves += 1;
    model.context.model.dirty = false;
  };
  assert.equal(await save(model), false);
  assert.equal(saves, 0);
  model.context.model.dirty = true;
  assert.equal(await save(model), false);
  assert.equal(saves, 1);
  model.context.model.dirty = true;
  model.context.save = () => Promise.reject(new Error("read-only"));
  assert.equal(await save(model), true);
  assert.equal(await save({ get: () => "" }), false);
});

test("the page's commands are taken only if it has both", async () => {
  const having = (...known) => ({ widget_manager: { get_model: async () => ({ _commands: { hasCommand: (name) => known.includes(name) } }) } });
  assert.ok(await commandsOf(having("docmanager:open", "notebook:run-cell"), "id"));
  assert.equal(await commandsOf(having("docmanager:open"), "id"), null);
  assert.equal(await commandsOf(having("docmanager:open", "notebook:run-cell"), ""), null);
});

test("a page without Jupyter's data, or with a broken one, has no configuration", () => {
  assert.deepEqual(config(), {});
  const known = document.getElementById;
  document.getElementById = () => ({ textContent: "{" });
  assert.deepEqual(config(), {});
  document.getElementById = () => ({ textContent: '{"baseUrl": "/"}' });
  assert.deepEqual(config(), { baseUrl: "/" });
  document.getElementById = known;
});

test("what a restart would lose is said in a sentence", () => {
  assert.equal(lossText({}), "Looking for variables that would be lost…");
  assert.equal(lossText({ variables: [] }), "No variables would be lost.");
  assert.equal(lossText({ variables: ["a"], more: 0 }), "This variable would be lost: a.");
  assert.equal(lossText({ variables: ["a", "b"], more: 3 }), "These variables would be lost: a, b and 3 more.");
});

test("only a page that has the notebook, and may write it, saves it", () => {
  assert.deepEqual([modelIn(CELLS), modelIn(CELLS, { readOnly: true }), { get: () => "" }].map(canSave), [true, false, false]);
});
