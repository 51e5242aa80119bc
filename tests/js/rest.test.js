import "./small_dom.js";

import assert from "node:assert/strict";
import { test } from "node:test";

import { parseEvent, readEvents } from "../../pkgwidgets/widgets/static/rest/event_stream.js";
import { historySide } from "../../pkgwidgets/widgets/static/rest/history_side.js";
import { changedRows, listSide, withAnswers } from "../../pkgwidgets/widgets/static/rest/list_side.js";
import { formSide, planSide } from "../../pkgwidgets/widgets/static/rest/plan_side.js";
import { createServer, Refusal } from "../../pkgwidgets/widgets/static/rest/server.js";
import { nextTask, taskSide } from "../../pkgwidgets/widgets/static/rest/task_side.js";
import { lossText } from "../../pkgwidgets/widgets/static/restart_prompt.js";
import { createViewModel } from "../../pkgwidgets/widgets/static/view_model.js";
import { brokenPromises } from "./model_contract.js";

const turns = async (count = 20) => {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
};
const json = (body, status = 200, headers = {}) => new Response(JSON.stringify(body), { status, headers });
const failure = (status, code, more = {}) => json({ success: false, error: { code, message: `It is ${code}.`, hint: "Do that." }, ...more }, status);

// A server that answers from a table of "METHOD path"; what it was asked is in `asked`.
function fakeServer(answers, place = {}) {
  const asked = [];
  const fetch = async (url, { method, headers, body, signal }) => {
    const { pathname, search } = new URL(url);
    asked.push({ method, path: pathname, search, headers, body: body && JSON.parse(body) });
    const answer = answers[`${method} ${pathname.replace("/hub/pkgwidgets/views/", "")}`];
    if (!answer) throw new TypeError("network");
    const response = await answer(asked.at(-1), signal);
    signal.throwIfAborted();
    return response;
  };
  return { asked, server: createServer({ baseUrl: "http://server/hub/", token: "secret", fetch, ...place }) };
}

test("the model for REST keeps the promises of a widget's model", async () => {
  const sent = [];
  const model = createViewModel({ task: {} });
  model.answer = (message) => sent.push(message);
  const broken = await brokenPromises(model, { fromOtherSide: (task) => model.set({ task }), news: model.tell, sent: () => sent });
  assert.deepEqual(broken, []);
});

test("fields that are set together are all in place at the first change", () => {
  const model = createViewModel({ state: "hidden", plan: {} });
  let seen;
  model.on("change:state", () => { seen = model.get("plan").title; });
  model.set({ state: "ready", plan: { title: "Upgrade a" } });
  assert.equal(seen, "Upgrade a");
});

test("an equal value is no change, and a silent one is not told", () => {
  const model = createViewModel({ revision: 1 });
  let calls = 0;
  model.on("change:revision", () => { calls += 1; });
  model.set("revision", 1);
  model.set({ revision: 2 }, undefined, { silent: true });
  assert.deepEqual([calls, model.get("revision")], [0, 2]);
});

test("a request names the kernel and proves who asks", async () => {
  const { asked, server } = fakeServer({ "GET packages": () => json({ success: true, rows: [] }) }, { kernelId: "k-1", kernelspec: "spec" });
  await server.get("packages", { check_updates: true, refresh: false });
  assert.equal(asked[0].search, "?check_updates=true&kernel=k-1");
  assert.equal(asked[0].headers.Authorization, "token secret");
});

test("without a token the cookie's proof is sent", async () => {
  globalThis.document.cookie = "a=b; _xsrf=2|abc; c=d";
  const { asked, server } = fakeServer({ "POST plans": () => json({ success: true }) }, { token: "" });
  await server.post("plans", { upgrade: "all" });
  delete globalThis.document.cookie;
  assert.equal(asked[0].headers["X-XSRFToken"], "2|abc");
  assert.equal(asked[0].headers.Authorization, undefined);
  assert.deepEqual(asked[0].body, { upgrade: "all" });
});

test("a plan for a kernel that has just ended is made by its specification", async () => {
  const { asked, server } = fakeServer({ "POST plans": ({ search }) => (search.includes("kernel=") ? failure(404, "kernel-not-found") : json({ success: true })) }, { kernelId: "k", kernelspec: "s" });
  await server.post("plans", { upgrade: "all" });
  await server.post("plans", { upgrade: "all" });
  assert.deepEqual(asked.map(({ search }) => search), ["?kernel=k", "?kernelspec=s", "?kernelspec=s"]);
});

test("a refusal has the server's words and code", async () => {
  const { server } = fakeServer({ "GET packages": () => failure(403, "request-refused") });
  await assert.rejects(server.get("packages"), (error) => error instanceof Refusal && error.message === "It is request-refused. Do that." && error.code === "request-refused");
});

test("a page of a proxy in place of an answer is no answer", async () => {
  const { server } = fakeServer({ "GET packages": () => new Response("<html>", { status: 502 }) });
  await assert.rejects(server.get("packages"), { message: "The server answered 502." });
});

test("a lost connection is told in words", async () => {
  const { server } = fakeServer({});
  await assert.rejects(server.get("packages"), { message: "The server does not answer." });
});

test("events are read across the borders of chunks, without comments", async () => {
  const text = ': heartbeat\n\nevent: task\ndata: {"title":"é"}\n\nid: 3\nevent: end\ndata: {}\n\n';
  const bytes = new TextEncoder().encode(text);
  const stream = new ReadableStream({ start: (controller) => { for (const byte of bytes) controller.enqueue(Uint8Array.of(byte)); controller.close(); } });
  const events = [];
  await readEvents(stream, (event) => events.push(event));
  assert.deepEqual(events, [{ type: "task", data: { title: "é" } }, { type: "end", data: {} }]);
  assert.equal(parseEvent(": nothing"), null);
});

test("the log grows by the lines of each message, and is replaced by a whole one", () => {
  const first = nextTask({ title: "mine", log: [] }, { title: "theirs", lines: ["a"] });
  assert.deepEqual(first, { title: "mine", log: ["a"] });
  assert.deepEqual(nextTask(first, { lines: ["b"] }).log, ["a", "b"]);
  assert.deepEqual(nextTask(first, { log: ["c"] }).log, ["c"]);
  assert.equal(nextTask({ title: "", log: [] }, { title: "theirs" }).title, "theirs");
});

const row = (name, version, more = {}) => ({ name, version, ...more });

test("only rows that differ are changed", () => {
  assert.deepEqual(changedRows([row("a", "1"), row("b", "1")], [row("a", "1"), row("b", "2")]), [row("b", "2")]);
});

const header = { title: "Packages", where: "Python", place: "Python without a number", busy: "", refusal: "", notice: "" };
const listAnswer = (rows, more = {}) => json({ success: true, header, labels: { upgrade: "Upgrade" }, rows, installed: String(rows.map(({ version }) => version)), running: null, ...more });

function openList(answers, place, isBusy = () => false) {
  globalThis.document.visibilityState = "visible";
  const { asked, server } = fakeServer(answers, place);
  const model = createViewModel({ header: {}, rows: [], revision: 0, labels: {} });
  const running = [];
  const outdated = [];
  const list = listSide(server, model, { onRunning: (change) => running.push(change), onListed: () => {}, onOutdated: () => outdated.push(true), isBusy });
  model.answer = list.answer;
  return { asked, server, model, list, running, outdated, end: () => { server.end(); list.end(); } };
}

test("the list is shown before the index answers, and a check changes single rows", async () => {
  const { model, list, end } = openList({ "GET packages": ({ search }) => listAnswer([row("a", "1", search.includes("check") ? { latest: "2" } : {}), row("b", "1")]) });
  const news = [];
  const revisions = [];
  model.on("msg:custom", (message) => news.push(message));
  model.on("change:revision", () => revisions.push(model.get("rows").map(({ latest }) => latest)));
  list.open();
  await turns();
  assert.deepEqual(revisions, [[undefined, undefined]]);
  assert.deepEqual(news.map(({ type, rows }) => [type, rows.map(({ name }) => name)]), [["patch", ["a"]]]);
  assert.equal(model.get("rows")[0].latest, "2");
  assert.ok(Date.parse(model.get("header").checked));
  assert.equal(model.get("header").busy, "");
  end();
});

test("a kernel that is gone is left for its specification, and both the page and the request say so", async () => {
  const { asked, list, model, end } = openList({ "GET packages": ({ search }) => (search.includes("kernel=") ? failure(404, "kernel-not-found") : listAnswer([row("a", "1")])) }, { kernelId: "k", kernelspec: "s" });
  list.open();
  await turns();
  assert.deepEqual(asked.slice(0, 2).map(({ search }) => search), ["?kernel=k", "?kernelspec=s"]);
  assert.equal(model.get("rows").length, 1);
  end();
});

test("why there is no list is told, and the view is not busy", async () => {
  const { list, model, end } = openList({ "GET packages": () => failure(501, "kernel-elsewhere") }, { kernelId: "k" });
  list.open();
  await turns();
  assert.deepEqual([model.get("header").notice, model.get("header").busy], ["It is kernel-elsewhere. Do that.", ""]);
  end();
});

test("what others installed is noticed by its digest alone, and a hidden page does not look", async () => {
  let version = "1";
  const answers = { "GET packages": () => listAnswer([row("a", version)]), "GET state": () => json({ success: true, installed: version, running: null }) };
  const { asked, list, model, outdated, end } = openList(answers);
  list.open();
  await turns();
  const before = asked.length;
  await list.look();
  assert.deepEqual(asked.slice(before).map(({ path }) => path.split("/").at(-1)), ["state"]);
  version = "2";
  globalThis.document.visibilityState = "hidden";
  await list.look();
  assert.deepEqual([model.get("rows")[0].version, outdated.length], ["1", 0]);
  globalThis.document.visibilityState = "visible";
  await list.look();
  assert.deepEqual([model.get("rows")[0].version, outdated.length], ["2", 1]);
  end();
});

test("a change of another session is joined", async () => {
  const { list, running, end } = openList({ "GET packages": () => listAnswer([row("a", "1")], { running: { id: "t", title: "Changing a" } }) });
  list.open();
  await turns();
  assert.equal(running[0].id, "t");
  end();
});

test("an open row keeps its versions if nothing is known of its publisher", async () => {
  const answers = {
    "GET packages/a": () => json({ success: true, detail: { id: "a", changeable: true } }),
    "GET versions": () => json({ success: true, installed: "1", versions: [{ version: "2" }] }),
    "GET packages/a/publisher": () => failure(503, "index-unavailable"),
  };
  const { list, model, end } = openList(answers);
  const told = [];
  model.on("msg:custom", (message) => told.push(message));
  list.answer({ type: "detail", id: "a" });
  await turns();
  assert.deepEqual(told.map(({ failed }) => failed), [undefined, ""]);
  end();
});

test("an open row gets its details, then the versions that it can be changed to", async () => {
  const answers = {
    "GET packages/a": () => json({ success: true, detail: { id: "a", changeable: true, path: "/env" } }),
    "GET versions": () => json({ success: true, installed: "1", versions: [{ version: "2" }] }),
    "GET packages/a/publisher": () => json({ success: true, detail: { publisher: "a 2 is by GitHub a/a.", publisher_warns: false } }),
  };
  const { list, model, end } = openList(answers);
  const told = [];
  model.on("msg:custom", (message) => told.push(message));
  list.answer({ type: "detail", id: "a" });
  await turns();
  assert.deepEqual(told.map(({ path, versions, publisher }) => [path, versions?.length, publisher]), [["/env", undefined, undefined], [undefined, 1, undefined], [undefined, undefined, "a 2 is by GitHub a/a."]]);
  end();
});

function openPlan(answers) {
  const { asked, server } = fakeServer(answers);
  const model = createViewModel({ state: "hidden", plan: {}, error: "" });
  const applied = [];
  const states = [];
  model.on("change:state", () => states.push(model.get("state")));
  const plan = planSide(server, model, { onOpen: () => {}, onApply: (...given) => applied.push(given) });
  return { asked, server, model, plan, applied, states };
}

const READY = { success: true, plan: { id: "p1", title: "Upgrade a" }, progress_title: "Upgrading a", wider: { upgrade: ["a"], allow: "all" } };

test("a plan is made, shown, and applied by its id alone", async () => {
  const { plan, applied, states } = openPlan({ "POST plans": () => json(READY) });
  await plan.plan({ upgrade: ["a"] });
  plan.answer({ type: "apply", id: "another" });
  assert.deepEqual(applied, []);
  plan.answer({ type: "apply", id: "p1" });
  assert.deepEqual(applied, [["p1", "Upgrading a"]]);
  assert.deepEqual(states, ["loading", "ready", "hidden"]);
});

test("a failed plan offers the wider request, which is planned in its place", async () => {
  let body;
  const answers = { "POST plans": (request) => ({ body } = request, body.allow ? json(READY) : failure(409, "plan-impossible", { title: "Upgrade a", unlock: "Allow", wider: READY.wider })) };
  const { plan, model, states } = openPlan(answers);
  await plan.plan({ upgrade: ["a"] });
  assert.deepEqual([model.get("state"), model.get("plan"), model.get("error")], ["failed", { title: "Upgrade a", unlock: "Allow", minor_only: null, project: null }, "It is plan-impossible. Do that."]);
  plan.answer({ type: "unlock" });
  await turns();
  assert.deepEqual(body, READY.wider);
  assert.equal(states.at(-1), "ready");
});

test("a cancelled plan stays closed when its answer arrives", async () => {
  let answer;
  const { plan, model } = openPlan({ "POST plans": () => new Promise((resolve) => { answer = () => resolve(json(READY)); }) });
  const planning = plan.plan({ upgrade: ["a"] });
  await turns(2);
  plan.answer({ type: "cancel" });
  answer();
  await planning;
  assert.equal(model.get("state"), "hidden");
});

test("of two plans only the second is shown", async () => {
  const waiting = [];
  const { plan, model } = openPlan({ "POST plans": ({ body }) => new Promise((resolve) => waiting.push(() => resolve(json({ ...READY, plan: { id: body.upgrade[0], title: "" } })))) });
  const both = [plan.plan({ upgrade: ["a"] }), plan.plan({ upgrade: ["b"] })];
  await turns(2);
  for (const answer of waiting.toReversed()) answer();
  await Promise.all(both);
  assert.equal(model.get("plan").id, "b");
});

test("the form shows why a typed name cannot be planned, and closes when it can", async () => {
  const answers = { "POST plans": ({ body }) => (body.typed === "a" ? json(READY) : failure(422, "invalid-request")), "GET versions": () => json({ success: true, installed: "1", versions: [{ version: "2" }] }) };
  const { plan, server, model: planModel } = openPlan(answers);
  const model = createViewModel({ form: {} });
  const form = formSide(server, model, plan.plan);
  form.open();
  form.answer({ type: "releases", name: "a" });
  await turns();
  assert.deepEqual([model.get("form").installed, model.get("form").releases.length, model.get("form").busy], ["1", 1, ""]);
  form.answer({ type: "plan", name: "!!", version: "" });
  await turns();
  assert.deepEqual([model.get("form").error, planModel.get("state")], ["It is invalid-request. Do that.", "hidden"]);
  form.answer({ type: "plan", name: " a ", version: "" });
  await turns();
  assert.deepEqual([model.get("form"), planModel.get("state")], [{}, "ready"]);
});

test("the form offers the names that the server knows, and says what an installation would bring", async () => {
  const answers = {
    "GET suggestions": () => json({ success: true, names: ["pea", "pod"] }),
    "GET versions": () => json({ success: true, installed: "", versions: [{ version: "2" }] }),
    "GET install-preview": () => json({ success: true, brings: "Would bring 1 new (pea)", summary: "Peas" }),
  };
  const { plan, server } = openPlan(answers);
  const model = createViewModel({ form: {} });
  const form = formSide(server, model, plan.plan);
  await form.open();
  assert.deepEqual(model.get("form").suggestions, ["pea", "pod"]);
  form.answer({ type: "releases", name: "pea" });
  await turns();
  assert.equal(model.get("form").brings, "Would bring 1 new (pea)");
  assert.equal(model.get("form").summary, "Peas");
});

test("while one list of names is being fetched, only the last text that was typed waits", async () => {
  const waiting = [];
  const answers = {
    "GET suggestions": ({ search }) => new Promise((resolve) => waiting.push(() => resolve(json({ success: true, names: [search] })))),
  };
  const { plan, server } = openPlan(answers);
  const model = createViewModel({ form: {} });
  const form = formSide(server, model, plan.plan);
  form.open();
  for (const text of ["p", "pe", "pea"]) form.answer({ type: "suggest", text });
  await turns();
  assert.equal(waiting.length, 1);
  waiting[0]();
  await turns();
  assert.equal(waiting.length, 2);
  waiting[1]();
  await turns();
  assert.deepEqual([waiting.length, model.get("form").suggestions], [2, ["?text=pea"]]);
});

const stream = (...events) => new Response(events.map(({ type, data }) => `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`).join(""));
const END = { type: "end", data: { running: false, lines: ["done"], outcome: { kind: "ok", text: "Done." } } };

function openTask(answers) {
  const { asked, server } = fakeServer(answers);
  const model = createViewModel({ task: {}, question: {} });
  const counts = { finished: 0, waits: [] };
  const task = taskSide(server, model, { onFinished: () => { counts.finished += 1; }, wait: async (milliseconds) => { counts.waits.push(milliseconds); } });
  return { asked, server, model, task, counts };
}

test("a change is followed to its end, with the title of its request", async () => {
  const { model, task, counts } = openTask({
    "POST plans/p": () => json({ success: true, id: "t" }, 202),
    "GET transactions/t": () => stream({ type: "task", data: { title: "Changing a", running: true, lines: ["one"] } }, END),
  });
  await task.start("plans/p", "Upgrading a");
  assert.deepEqual([model.get("task").title, model.get("task").log, model.get("task").outcome.text], ["Upgrading a", ["one", "done"], "Done."]);
  assert.deepEqual([counts.finished, task.isRunning()], [1, false]);
});

test("a lost stream is begun anew, and the log is not doubled", async () => {
  let calls = 0;
  const { model, task, counts } = openTask({
    "POST plans/p": () => json({ success: true, id: "t" }, 202),
    "GET transactions/t": () => (calls++ ? stream({ type: "task", data: { lines: ["one"] } }, END) : stream({ type: "task", data: { lines: ["one"] } })),
  });
  await task.start("plans/p", "");
  assert.deepEqual([model.get("task").log, counts.waits.length, counts.finished], [["one", "done"], 1, 1]);
});

test("a plan that cannot be applied ends with the reason", async () => {
  const { model, task, counts } = openTask({ "POST plans/p": () => failure(409, "stale-plan") });
  await task.start("plans/p", "Upgrading a");
  assert.deepEqual([model.get("task").outcome.kind, model.get("task").outcome.text], ["bad", "It is stale-plan. Do that."]);
  assert.deepEqual([counts.finished, task.isRunning()], [1, false]);
});

test("Cancel asks for a rollback, and the stream tells the end", async () => {
  let finish;
  const body = new ReadableStream({ start: (controller) => { finish = () => { controller.enqueue(new TextEncoder().encode(`event: end\ndata: ${JSON.stringify({ ...END.data, outcome: { kind: "off", text: "Cancelled." } })}\n\n`)); controller.close(); }; } });
  const { asked, model, task } = openTask({
    "POST plans/p": () => json({ success: true, id: "t" }, 202),
    "GET transactions/t": () => new Response(body),
    "DELETE transactions/t": () => json({ success: true }, 202),
  });
  const started = task.start("plans/p", "");
  await turns();
  task.answer({ type: "cancel" });
  await turns();
  assert.ok(asked.some(({ method }) => method === "DELETE"));
  finish();
  await started;
  assert.equal(model.get("task").outcome.text, "Cancelled.");
});

test("a question about a restart says what is unknown", () => {
  assert.equal(lossText({ unknown: true }), "All variables of this kernel would be lost.");
});

test("a history that was closed meanwhile stays closed", async () => {
  let answer;
  const { server } = fakeServer({ "GET transactions": () => new Promise((resolve) => { answer = () => resolve(json({ success: true, entries: [] })); }) });
  const model = createViewModel({ entries: null, logs: {} });
  const history = historySide(server, model, { onUndo: () => {}, onFailure: () => {} });
  history.open();
  await turns(2);
  history.answer({ type: "close" });
  answer();
  await turns();
  assert.equal(model.get("entries"), null);
});

test("nothing is asked after the end", async () => {
  const { asked, server, list } = openList({ "GET packages": () => listAnswer([row("a", "1")]) });
  server.end();
  list.end();
  await list.open();
  assert.equal(asked.length, 0);
  assert.equal(server.isEnded(), true);
});

test("what the last check found stays with the versions that it was about", () => {
  const known = [row("a", "1", { latest: "2" }), row("b", "1", { latest: "2" }), row("c", "1", { latest: "2" })];
  const now = [row("a", "1"), row("b", "2"), row("c", "1", { status: "error" }), row("d", "1")];
  assert.deepEqual(withAnswers(known, now), [known[0], ...now.slice(1)]);
});

test("after a change the new version is shown before the index answers", async () => {
  let version = "1";
  const { model, list, end } = openList({ "GET packages": ({ search }) => (search.includes("check") && version === "2" ? new Promise(() => {}) : listAnswer([row("a", version, search.includes("check") ? { latest: "2" } : {})])) });
  list.open();
  await turns();
  version = "2";
  list.showChanging("Upgrading a");
  assert.deepEqual([model.get("header").changing, model.get("header").where], ["Upgrading a", "Python without a number"]);
  list.refresh();
  await turns();
  assert.deepEqual([model.get("rows")[0].version, model.get("header").busy, model.get("header").changing], ["2", "checking for updates…", ""]);
  end();
});

test("a dismissed note is gone after the server has forgotten it", async () => {
  let note = true;
  const answers = { "GET packages": () => listAnswer([row("a", "1", note ? { failed: true } : {})]), "DELETE packages/a/note": () => { note = false; return json({ success: true }); } };
  const { model, list, end } = openList(answers);
  list.open();
  await turns();
  assert.equal(model.get("rows")[0].failed, true);
  list.answer({ type: "dismiss", names: ["a"] });
  await turns();
  assert.equal(model.get("rows")[0].failed, undefined);
  end();
});

test("a row that is asked for again during a check is asked for after it, and the check goes on", async () => {
  let goOn;
  const gate = new Promise((resolve) => { goOn = resolve; });
  const answers = { "GET packages": async ({ search }) => {
    if (search.includes("check") && !search.includes("name")) await gate;
    return search.includes("name") ? listAnswer([row("a", "1", { latest: "3" })]) : listAnswer([row("a", "1", { latest: "2" }), row("b", "1", { latest: "2" })]);
  } };
  const { asked, model, list, end } = openList(answers);
  list.open();
  await turns();
  list.answer({ type: "retry", names: ["a"] });
  await turns();
  assert.equal(asked.some(({ search }) => search.includes("name=a")), false);
  goOn();
  await turns();
  assert.deepEqual(model.get("rows").map(({ latest }) => latest), ["3", "2"]);
  assert.deepEqual([model.get("header").busy, Boolean(model.get("header").checked)], ["", true]);
  end();
});

test("while a change runs, a list says so", async () => {
  let isBusy = true;
  const { model, list, end } = openList({ "GET packages": () => listAnswer([row("a", "1")]) }, {}, () => isBusy);
  list.showChanging("Upgrading a");
  await list.refresh();
  assert.equal(model.get("header").changing, "Upgrading a");
  isBusy = false;
  await list.refresh();
  assert.equal(model.get("header").changing, "");
  end();
});

test("a switch makes the same plan with and without major upgrades", async () => {
  const bodies = [];
  const { plan } = openPlan({ "POST plans": ({ body }) => (bodies.push(body), json(READY)) });
  await plan.plan({ upgrade: "all", allow: "all" });
  plan.answer({ type: "step", only_minor: true });
  await turns();
  plan.answer({ type: "step", only_minor: false });
  await turns();
  assert.deepEqual(bodies.slice(1), [{ upgrade: "all", allow: "all", step: "minor" }, { upgrade: "all", allow: "all" }]);
});

test("the switch for the project plans the same request without other limits", async () => {
  const bodies = [];
  const { plan } = openPlan({ "POST plans": ({ body }) => (bodies.push(body), json(READY)) });
  await plan.plan({ upgrade: ["a"], step: "minor", allow: "all" });
  plan.answer({ type: "project", change: true });
  await turns();
  plan.answer({ type: "project", change: false });
  await turns();
  assert.deepEqual(JSON.parse(JSON.stringify(bodies.slice(1))), [{ upgrade: ["a"], project: true }, { upgrade: ["a"] }]);
});

test("after a refused check the plan without the culprit is requested, and the reason stays", async () => {
  const refused = { kind: "bad", text: "It failed.", without: ["a"] };
  const { server } = fakeServer({
    "POST plans/p": () => json({ success: true, id: "t" }, 202),
    "GET transactions/t": () => stream({ type: "end", data: { ...END.data, outcome: refused } }),
  });
  const model = createViewModel({ task: {}, question: {} });
  const without = [];
  const task = taskSide(server, model, { onFinished: () => {}, onRefused: (names) => without.push(names) });
  await task.start("plans/p", "Upgrading all");
  assert.deepEqual([without, model.get("task").outcome], [[["a"]], refused]);
  task.join("t", "Changing a, started by another session");
  await turns();
  assert.equal(without.length, 1);
});
