import "./small_dom.js";

import assert from "node:assert/strict";
import { test } from "node:test";

import { createAsker, questionNode, questionRoutes } from "../../pkgwidgets/labextension/static/questions.js";

const QUESTION = { id: "q", title: "change 1 package?", lines: ["upgrade pea: 1 → 2"], accept: "Apply" };

function routesWith(questions, { ok = true } = {}) {
  const sent = [];
  return { sent, open: async () => questions, send: async (id, body) => (sent.push([id, body]), { ok }) };
}

/** A dialog that is answered from outside. */
function dialogs() {
  const open = [];
  const show = (question) => {
    const dialog = { question, closed: false, close: () => {} };
    dialog.attached = new Promise((resolve) => (dialog.attach = resolve));
    dialog.answer = new Promise((resolve) => {
      dialog.choose = resolve;
      dialog.close = () => {
        dialog.closed = true;
        resolve(null);
      };
    });
    open.push(dialog);
    return dialog;
  };
  return { open, show };
}

const turn = () => new Promise((resolve) => setTimeout(resolve));

test("a question is shown once, and its answer is sent", async () => {
  const routes = routesWith([QUESTION]);
  const { open, show } = dialogs();
  const { onEvent } = createAsker(routes, show);
  const asked = onEvent({ id: "q", state: "asked" });
  await turn();
  await onEvent({ id: "q", state: "asked" });
  assert.equal(open.length, 1);
  assert.deepEqual(routes.sent, []); // another dialog is in front of it
  open[0].attach();
  await turn();
  assert.deepEqual(routes.sent, [["q", { shown: true }]]);
  open[0].choose(true);
  await asked;
  assert.deepEqual(routes.sent.at(-1), ["q", { answer: true }]);
});

test("a refusal is sent, too", async () => {
  const routes = routesWith([QUESTION]);
  const { open, show } = dialogs();
  const asked = createAsker(routes, show).showOpen();
  await turn();
  open[0].choose(false);
  await asked;
  assert.deepEqual(routes.sent.at(-1), ["q", { answer: false }]);
});

test("a question that ended elsewhere closes without an answer", async () => {
  const routes = routesWith([QUESTION]);
  const { open, show } = dialogs();
  const { onEvent, showOpen } = createAsker(routes, show);
  const asked = onEvent({ id: "q", state: "asked" });
  await turn();
  open[0].attach();
  await turn();
  await onEvent({ id: "q", state: "ended" });
  await asked;
  assert.equal(open[0].closed, true);
  assert.deepEqual(routes.sent, [["q", { shown: true }]]);
  await showOpen(); // an answer of the server that is older than the end
  assert.equal(open.length, 1);
});

test("a question that ended before it was seen is closed", async () => {
  const routes = routesWith([QUESTION], { ok: false });
  const { open, show } = dialogs();
  const asked = createAsker(routes, show).showOpen();
  await turn();
  open[0].attach();
  await asked;
  assert.equal(open[0].closed, true);
});

test("a question that is not open any more is not shown", async () => {
  const routes = routesWith([]);
  const { open, show } = dialogs();
  await createAsker(routes, show).onEvent({ id: "q", state: "asked" });
  assert.deepEqual([open.length, routes.sent.length], [0, 0]);
});

test("texts of a question are never markup", () => {
  const node = questionNode({ title: "<b>pea</b>", lines: ["<img src=x>"] });
  assert.equal(node.children[0].textContent, "<b>pea</b>");
  assert.equal(node.children[1].children[0].textContent, "<img src=x>");
});

test("the routes carry the token and the XSRF cookie", async () => {
  const requests = [];
  document.cookie = "a=1; _xsrf=2|x";
  const ask = async (url, options) => (requests.push([url, options]), { ok: true, json: async () => ({ questions: [QUESTION] }) });
  const routes = questionRoutes({ baseUrl: "http://host/base/", token: "t" }, ask);
  assert.deepEqual(await routes.open(), [QUESTION]);
  await routes.send("q", { answer: true });
  assert.deepEqual(requests.map(([url]) => url), ["http://host/base/pkgwidgets/views/questions", "http://host/base/pkgwidgets/views/questions/q"]);
  const { method, headers, body } = requests[1][1];
  assert.deepEqual([method, headers.Authorization, headers["X-XSRFToken"], body], ["POST", "token t", "2|x", '{"answer":true}']);
});
