// The form that makes a copy over REST, the way back from a copy, and the lock that is kept up to date.
import "./small_dom.js";

import assert from "node:assert/strict";
import { test } from "node:test";

import { isSameLock, keepLock, renewLock, withKeeping, withLock } from "../../pkgwidgets/labextension/static/lock_keeper.js";
import { isLockKept, keepLocks } from "../../pkgwidgets/labextension/static/lock_watcher.js";
import { canSwitchKernel, kernelNameOf, othersIn, removeCopy, switchKernel } from "../../pkgwidgets/widgets/static/jupyter_page.js";
import { copySide } from "../../pkgwidgets/widgets/static/rest/copy_side.js";
import { Refusal } from "../../pkgwidgets/widgets/static/rest/server.js";
import { leaveText, makeCopyMark, usedText, wayBack } from "../../pkgwidgets/widgets/static/table/copy_mark.js";
import { createViewModel } from "../../pkgwidgets/widgets/static/view_model.js";

const turns = async (count = 20) => {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
};

// A server that answers from a table of "METHOD path"; an answer may be a list, of which one is taken each time.
function fakeServer(answers) {
  const asked = [];
  const ask = (method) => async (path, body) => {
    asked.push([method, path, body]);
    const known = answers[`${method} ${path}`];
    const answer = Array.isArray(known) ? known.shift() : known;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { asked, isEnded: () => false, get: ask("GET"), post: ask("POST"), put: ask("PUT"), remove: ask("DELETE") };
}

const PLAN = { name: "spring", text: "…", left_out: [], notes: [] };

test("a copy is planned, made and followed to its end", async () => {
  const running = { running: true, text: "fetching", made: null, error: "" };
  const server = fakeServer({
    "GET copy": { name: "env-1" },
    "POST copies": { id: "p1", plan: PLAN },
    "POST copies/p1": { id: "r1" },
    "GET copies/r1": [running, new Refusal("The server does not answer."), { ...running, running: false, made: { name: "spring" } }],
  });
  const model = createViewModel({ form: {} });
  const busy = [];
  model.on("change:form", () => busy.push(model.get("form").busy));
  const side = copySide(server, model, { wait: async () => {} });
  await side.open();
  assert.deepEqual(model.get("form"), { open: true, name: "env-1" });
  side.answer({ type: "plan", name: "spring" });
  await turns();
  assert.deepEqual(model.get("form").plan, PLAN);
  side.answer({ type: "make", name: "spring", kernel: "python3" });
  await turns();
  assert.deepEqual(server.asked.find(([, path]) => path === "copies/p1"), ["POST", "copies/p1", { kernel: "python3" }]);
  const { made, plan, making, error } = model.get("form");
  assert.deepEqual([made, plan, making, error], [{ name: "spring" }, null, false, ""]);
  assert.ok(busy.includes("fetching…"));
  assert.ok(busy.includes("The server does not answer. Trying again…"));
  side.answer({ type: "make", name: "spring" });
  await turns();
  assert.equal(server.asked.filter(([method]) => method === "POST").length, 2, "a plan makes one copy");
});

test("only the newest name is planned, and a refusal is shown", async () => {
  const server = fakeServer({ "POST copies": [new Refusal("It is taken.", { error: { code: "invalid-request" } }), { id: "p2", plan: PLAN }] });
  const model = createViewModel({ form: { open: true } });
  const side = copySide(server, model);
  side.answer({ type: "plan", name: "taken" });
  side.answer({ type: "plan", name: "spring" });
  await turns();
  assert.deepEqual([model.get("form").plan, model.get("form").error], [PLAN, undefined]);
  const refused = fakeServer({ "POST copies": new Refusal("It is taken.", { error: { code: "invalid-request" } }) });
  copySide(refused, model).answer({ type: "plan", name: "taken" });
  await turns();
  assert.deepEqual([model.get("form").error, model.get("form").plan], ["It is taken.", undefined]);
});

test("a copy that is being made is cancelled, and its form stays open until then", async () => {
  let end;
  const looks = new Promise((resolve) => { end = resolve; });
  const server = fakeServer({ "POST copies": { id: "p", plan: PLAN }, "POST copies/p": { id: "r" }, "DELETE copies/r": {} });
  const { get } = server;
  server.get = async (path) => (path === "copies/r" ? looks : get(path));
  const model = createViewModel({ form: { open: true } });
  const side = copySide(server, model, { wait: async () => {} });
  side.answer({ type: "plan", name: "spring" });
  await turns();
  side.answer({ type: "make" });
  await turns();
  side.answer({ type: "close" });
  assert.equal(model.get("form").making, true);
  side.answer({ type: "cancel" });
  await turns();
  assert.deepEqual(server.asked.at(-1).slice(0, 2), ["DELETE", "copies/r"]);
  end({ running: false, made: null, error: "The copy was cancelled." });
  await turns();
  assert.deepEqual([model.get("form").error, model.get("form").plan], ["The copy was cancelled.", PLAN]);
  side.answer({ type: "close" });
  assert.deepEqual(model.get("form"), {});
});

test("a copy is cancelled though the server has not named it yet, and its form stays open", async () => {
  let name;
  const named = new Promise((resolve) => { name = resolve; });
  const server = fakeServer({ "POST copies": { id: "p", plan: PLAN }, "DELETE copies/r": {}, "GET copies/r": { running: false, made: null, error: "The copy was cancelled." } });
  const { post } = server;
  server.post = async (path, body) => (path === "copies/p" ? named : post(path, body));
  const model = createViewModel({ form: { open: true } });
  const side = copySide(server, model, { wait: async () => {} });
  side.answer({ type: "plan", name: "spring" });
  await turns();
  side.answer({ type: "make" });
  side.answer({ type: "close" });
  side.answer({ type: "cancel" });
  assert.equal(model.get("form").making, true);
  name({ id: "r" });
  await turns();
  assert.ok(server.asked.some(([method, path]) => method === "DELETE" && path === "copies/r"));
  assert.equal(model.get("form").error, "The copy was cancelled.");
});

test("the way back is the kernel that asked, else the default one, never the copy's own", () => {
  const copy = { name: "spring", kernel: "lab" };
  assert.equal(wayBack(copy, "python3"), "lab");
  assert.equal(wayBack({ ...copy, kernel: "" }, "python3"), "python3");
  assert.equal(wayBack({ ...copy, kernel: "pkgwidgets-spring" }, "pkgwidgets-spring"), "");
  assert.match(leaveText("spring", "lab"), /kernel lab, and its variables are lost/);
  assert.match(leaveText("spring", ""), /pkgwidgets remove-copy spring/);
});

const SPRING = { name: "spring", text: "This is spring.", kernel: "lab", kept: false };
const buttonOf = (node, text) => node.querySelectorAll("button").find(({ textContent }) => textContent === text);

test("the offer is there where the environment is read-only or another user's", () => {
  const sent = [];
  const { node, show } = makeCopyMark({ send: (message) => sent.push(message) });
  const offer = buttonOf(node, "Make my own copy…");
  const [, row] = node.children;
  for (const [header, isHidden] of [[{}, true], [{ refusal: "It is read-only." }, false], [{ shared: "It belongs to root." }, false], [{ copy: SPRING }, true]]) {
    show(header);
    assert.equal(row.hidden, isHidden);
  }
  offer.onclick();
  assert.deepEqual(sent, [{ type: "copy" }]);
});

test("a copy that is kept has no more questions", () => {
  const { node, show } = makeCopyMark({ send() {} });
  show({ copy: SPRING });
  const buttons = ["Keep it", "Throw it away…"].map((text) => buttonOf(node, text));
  assert.deepEqual(buttons.map(({ hidden }) => hidden), [false, false]);
  show({ copy: { ...SPRING, kept: true } });
  assert.deepEqual(buttons.map(({ hidden }) => hidden), [true, true]);
  assert.match(node.textContent, /This is spring\./);
});

test("the kernel is changed in the page's session, after its specifications are read again", async () => {
  const calls = [];
  const session = {
    session: { kernel: { name: "lab" } },
    specsManager: { refreshSpecs: async () => calls.push("specs") },
    changeKernel: async ({ name }) => calls.push(name),
  };
  for (const model of [{ get() {}, session }, { get() {}, widget_manager: { context: { sessionContext: session } } }]) {
    assert.equal(canSwitchKernel(model), true);
    assert.equal(kernelNameOf(model), "lab");
    await switchKernel(model, "pkgwidgets-spring");
  }
  assert.deepEqual(calls, ["specs", "pkgwidgets-spring", "specs", "pkgwidgets-spring"]);
  assert.equal(canSwitchKernel({ get() {} }), false);
  await assert.rejects(switchKernel({ get() {} }, "x"), /cannot change the kernel/);
});

test("a copy is removed by way of another kernel, and a refusal has its reason", async () => {
  const asked = [];
  const answers = [new Response("{}"), new Response('{"error":{"message":"It is in use."}}', { status: 422 })];
  const fetch = async (url, { method, headers }) => {
    asked.push([method, new URL(url).pathname + new URL(url).search, headers.Authorization]);
    return answers.shift();
  };
  const model = { get() {}, place: { baseUrl: "http://server/hub/", token: "secret", fetch } };
  globalThis.location = { href: "http://server/lab" };
  globalThis.document.cookie = "";
  await removeCopy(model, "spring", "a b");
  assert.deepEqual(asked, [["DELETE", "/hub/pkgwidgets/environments/spring?kernelspec=a%20b", "token secret"]]);
  await assert.rejects(removeCopy(model, "spring", "x"), /It is in use\./);
});

// A page whose notebook has the kernel K, and a server that answers what runs in the copy; `asked` has the requests.
function placeInCopy(running) {
  const asked = [];
  const fetch = async (url, { method }) => {
    asked.push(method);
    return new Response(JSON.stringify({ running }));
  };
  const session = { session: { path: "a.ipynb", kernel: { id: "K" } }, specsManager: { specs: { default: "python3" } }, changeKernel: async () => asked.push("switch") };
  globalThis.location = { href: "http://server/lab" };
  globalThis.document.cookie = "";
  return { asked, model: { get() {}, send() {}, session, place: { baseUrl: "http://server/", fetch } } };
}

const OWN = { process: 1, name: "a.ipynb", kernel: "K", notebooks: ["a.ipynb"] };

test("other notebooks and programs in a copy are named, this one is not", async () => {
  const others = [{ ...OWN, notebooks: ["a.ipynb", "shares.ipynb"] }, { process: 2, name: "b.ipynb", kernel: "L", notebooks: ["beds/b.ipynb"] }, { process: 3, name: "train.py", kernel: "", notebooks: [] }];
  assert.deepEqual(await othersIn(placeInCopy(others).model, "spring", "lab"), ["shares.ipynb", "beds/b.ipynb", "train.py (process 3)"]);
  for (const own of [OWN, { ...OWN, notebooks: [] }]) assert.deepEqual(await othersIn(placeInCopy([own]).model, "spring", "lab"), []);
  assert.equal(usedText([]), "");
  assert.match(usedText(["b.ipynb"]), /because b\.ipynb runs in it, too/);
  assert.match(usedText(["b.ipynb", "c.ipynb"]), /because b\.ipynb and c\.ipynb run in it, too/);
});

test("a copy is not thrown away while another notebook runs in it, and this one keeps its kernel", async () => {
  const { asked, model } = placeInCopy([OWN, { ...OWN, kernel: "L", notebooks: ["b.ipynb"] }]);
  const { node, show } = makeCopyMark(model);
  show({ copy: SPRING });
  await buttonOf(node, "Throw it away…").onclick();
  assert.equal(buttonOf(node, "Throw it away").hidden, true);
  assert.match(node.textContent, /The copy stays, because b\.ipynb runs in it, too/);
  assert.deepEqual(asked, ["GET"]);
});

test("a copy that only this notebook uses is thrown away after the question", async () => {
  const { asked, model } = placeInCopy([OWN]);
  const { node, show } = makeCopyMark(model);
  show({ copy: SPRING });
  await buttonOf(node, "Throw it away…").onclick();
  const sure = buttonOf(node, "Throw it away");
  assert.deepEqual([sure.hidden, sure.disabled], [false, false]);
  await sure.onclick();
  assert.deepEqual(asked, ["GET", "switch", "DELETE"]);
});

// --- the lock that is kept up to date

const LOCK = { version: 1, saved: "1", requirements: ["a==1"] };

function fakeContext(metadata, { dirty = false, writable = true } = {}) {
  let kept = metadata;
  const listeners = new Set();
  const saves = [];
  const sharedModel = {
    getMetadata: () => kept,
    setMetadata: (_, value) => { kept = value; for (const tell of listeners) tell(); },
    metadataChanged: { connect: (tell) => listeners.add(tell), disconnect: (tell) => listeners.delete(tell) },
  };
  return { ready: Promise.resolve(), isDisposed: false, contentsModel: { writable }, model: { dirty, sharedModel }, saves, listeners, save: async () => saves.push(kept) };
}

test("the switch is one field of the notebook's metadata", () => {
  assert.deepEqual(withKeeping({ lock: LOCK, other: 1 }, true), { lock: LOCK, other: 1, keep_lock: true });
  assert.deepEqual(withKeeping({ lock: LOCK, keep_lock: true }, false), { lock: LOCK });
  assert.deepEqual(withLock({ keep_lock: true }, LOCK), { keep_lock: true, lock: LOCK });
  assert.deepEqual([undefined, null, "x", {}, { keep_lock: "yes" }, { keep_lock: true }].map(isLockKept), [false, false, false, false, false, true]);
  assert.equal(isSameLock(LOCK, { ...LOCK, saved: "2" }), true);
  assert.equal(isSameLock(LOCK, { ...LOCK, requirements: ["a==2"] }), false);
});

test("a renewed lock is saved, unless the document has changes that the user did not save", async () => {
  const newer = { ...LOCK, requirements: ["a==2"] };
  const clean = fakeContext({ keep_lock: true, lock: LOCK, other: 1 });
  await renewLock(clean, newer);
  assert.deepEqual(clean.saves, [{ keep_lock: true, lock: newer, other: 1 }]);
  for (const state of [{ dirty: true }, { writable: false }]) {
    const context = fakeContext({ keep_lock: true, lock: LOCK }, state);
    await renewLock(context, newer);
    assert.deepEqual([context.saves, context.model.sharedModel.getMetadata().lock], [[], newer]);
  }
  const same = fakeContext({ keep_lock: true, lock: LOCK });
  await renewLock(same, { ...LOCK, saved: "2" });
  assert.deepEqual([same.saves, same.model.sharedModel.getMetadata().lock.saved], [[], "1"]);
});

// Looks by hand: a state of the server after the other.
async function looked(states, metadata = { keep_lock: true, lock: LOCK }, lock = { ...LOCK, requirements: ["a==2"] }) {
  const context = fakeContext(metadata);
  const left = [...states];
  const asked = [];
  const server = { get: async (path) => (asked.push(path), path === "state" ? left.shift() : { lock, notes: [] }) };
  const keeper = keepLock({ context, ask: (work) => work(server), milliseconds: 1e6, isHidden: () => false });
  await turns();
  for (let i = 1; i < states.length; i += 1) {
    await keeper.look();
    await turns();
  }
  keeper.end();
  return { context, asked, lock: context.model.sharedModel.getMetadata().lock };
}

const state = (committed, more = {}) => ({ committed, environment: "e", running: null, ...more });

test("the lock is renewed after a committed change, and only then", async () => {
  assert.equal((await looked([state("1"), state("1")])).lock, LOCK);
  const renewed = await looked([state(""), state("1"), state("1")]);
  assert.deepEqual(renewed.lock.requirements, ["a==2"]);
  assert.equal(renewed.context.saves.length, 1);
  assert.equal(renewed.asked.filter((path) => path === "lock").length, 1);
});

test("neither a running change nor another kernel's environment renews the lock", async () => {
  assert.equal((await looked([state("1"), state("2", { running: { id: "2" } })])).lock, LOCK);
  assert.equal((await looked([state("1"), state("2", { environment: "f" }), state("2", { environment: "f" })])).lock, LOCK);
  const after = await looked([state("1"), state("2", { environment: "f" }), state("3", { environment: "f" })]);
  assert.deepEqual(after.lock.requirements, ["a==2"]);
});

test("a notebook without the switch is not asked about", async () => {
  const { asked, lock } = await looked([state("1"), state("2")], { lock: LOCK });
  assert.deepEqual([asked, lock], [[], LOCK]);
});

test("each open notebook is kept while it says so", async () => {
  const context = fakeContext({ lock: LOCK });
  const signal = () => ({ connect(tell) { this.tell = tell; } });
  const notebook = { context, disposed: signal() };
  const tracker = { forEach: (tell) => tell(notebook), widgetAdded: signal() };
  const calls = [];
  keepLocks(tracker, () => async () => null, async () => (calls.push("keep"), { end: () => calls.push("end") }));
  await turns();
  assert.deepEqual(calls, []);
  const { sharedModel } = context.model;
  sharedModel.setMetadata("pkgwidgets", withKeeping(sharedModel.getMetadata(), true));
  sharedModel.setMetadata("pkgwidgets", withLock(sharedModel.getMetadata(), LOCK));
  assert.deepEqual(calls, ["keep"]);
  sharedModel.setMetadata("pkgwidgets", withKeeping(sharedModel.getMetadata(), false));
  await turns();
  sharedModel.setMetadata("pkgwidgets", withKeeping(sharedModel.getMetadata(), true));
  assert.deepEqual(calls, ["keep", "end", "keep"]);
  notebook.disposed.tell();
  await turns();
  assert.deepEqual([calls.at(-1), context.listeners.size], ["end", 0]);
});
