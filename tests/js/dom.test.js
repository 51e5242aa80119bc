import "./small_dom.js";

import assert from "node:assert/strict";
import { test } from "node:test";

import { button, foldButton, h, listen, setText, versionText } from "../../pkgwidgets/widgets/static/dom.js";

test("a text stays a text, whatever it holds", () => {
  const node = h("p", { className: "x" }, "<img src=x>", "&amp;");
  assert.equal(node.textContent, "<img src=x>&amp;");
  assert.deepEqual(node.children, []);
});

test("children that say nothing are left out", () => {
  assert.equal(h("p", null, false, null, undefined, "", "a", h("b", null, "c")).childNodes.length, 2);
});

test("a button submits no form", () => {
  const made = button("Go", { className: "pkgw-main", name: "go" });
  assert.deepEqual([made.type, made.className, made.name, made.textContent], ["button", "pkgw-main", "go", "Go"]);
  assert.equal(button("Go").className, "");
});

test("only a changed text is written, and none is an empty one", () => {
  const written = [];
  const node = { get textContent() { return "a"; }, set textContent(text) { written.push(text); } };
  setText(node, "a");
  setText(node, "b");
  setText(node);
  assert.deepEqual(written, ["b", ""]);
});

test("a fold shows and hides, and says which", () => {
  const node = h("p", null, "long");
  const fold = foldButton("More", node);
  assert.deepEqual([node.hidden, fold.ariaExpanded], [true, "false"]);
  fold.onclick();
  assert.deepEqual([node.hidden, fold.ariaExpanded], [false, "true"]);
});

test("who listens can stop", () => {
  const calls = [];
  const model = { on: (...call) => calls.push(["on", ...call]), off: (...call) => calls.push(["off", ...call]) };
  const what = () => {};
  listen(model, ["a", "b"], what)();
  assert.deepEqual(calls, [["on", "change:a", what], ["on", "change:b", what], ["off", "change:a", what], ["off", "change:b", what]]);
});

test("a version says what is known of it", () => {
  assert.equal(versionText({ version: "1.0", note: "latest", day: "2026-03-01" }), "1.0 · latest · 2026-03-01");
  assert.equal(versionText({ version: "1.0", note: "" }), "1.0");
});
