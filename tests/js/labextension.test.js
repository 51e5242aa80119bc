import "./small_dom.js";

import assert from "node:assert/strict";
import { test } from "node:test";

import { badgeText, countUpdates, routeUrl } from "../../pkgwidgets/labextension/static/badge.js";
import { createMessage, findSubshell, isOwn, within } from "../../pkgwidgets/labextension/static/kernel_messages.js";
import { refusalOf, showKernelPanel } from "../../pkgwidgets/labextension/static/kernel_panel.js";
import { createBar, createBadge, placeOf } from "../../pkgwidgets/labextension/static/plugin.js";
import { noteOf, showRestPanel } from "../../pkgwidgets/labextension/static/rest_way.js";
import { loadShared, usedVersion } from "../../pkgwidgets/labextension/static/shared.js";
import { widen, widenedSizes } from "../../pkgwidgets/labextension/static/width.js";

const PLACE = { baseUrl: "http://host/base/", token: "t", kernelId: "k" };
const FEATURES = ["kernel subshells"];

function memoryOf(stored = {}) {
  return { stored, getItem: (key) => stored[key] ?? null, setItem: (key, value) => void (stored[key] = value) };
}

/** A kernel that answers these requests on its control channel. */
function kernelThat(answers, { info = { supported_features: FEATURES }, status = "idle" } = {}) {
  const sent = [];
  const reply = ({ header }) => answers[header.msg_type];
  return {
    id: "k",
    clientId: "c",
    username: "u",
    status,
    sent,
    info: Promise.resolve(info),
    sendControlMessage(message) {
      sent.push(message.header.msg_type);
      const content = reply(message);
      return { done: content ? Promise.resolve({ content: { status: "ok", ...content } }) : new Promise(() => {}) };
    },
  };
}

test("the loaded version of a shared module is taken, else the newest", async () => {
  const of = (name, loaded) => ({ get: async () => () => ({ name }), loaded });
  assert.equal(usedVersion({ "4.2.0": of(), "4.10.1": of(), "4.9.0": of() }), "4.10.1");
  assert.equal(usedVersion({ "4.2.0": of("", 1), "4.10.1": of() }), "4.2.0");
  assert.equal(usedVersion({ "4.2.0-rc.1": of(), "4.2.0": of() }), "4.2.0-rc.1");
  assert.deepEqual(await loadShared({ x: { "1.0.0": of("old", true), "2.0.0": of("new") } }, "x"), { name: "old" });
  await assert.rejects(loadShared({}, "x"), /does not share x/);
});

test("a route names the kernel, or the specification of one that does not run", () => {
  assert.equal(routeUrl(PLACE, "packages"), "http://host/base/pkgwidgets/packages?kernel=k");
  assert.equal(routeUrl({ ...PLACE, kernelId: undefined, kernelspec: "a b" }, "packages"), "http://host/base/pkgwidgets/packages?kernelspec=a+b");
});

test("the badge counts updates that are known, and nothing when it cannot", async () => {
  const asked = [];
  const answer = (response) => (url, options) => (asked.push([url, options.headers.Authorization]), response);
  const updates = [{ update_available: true }, { update_available: null }, { update_available: true }];
  assert.equal(await countUpdates(PLACE, answer({ ok: true, json: async () => ({ updates }) })), 2);
  assert.deepEqual(asked, [["http://host/base/pkgwidgets/packages/updates?cached=true&kernel=k", "token t"]]);
  assert.equal(await countUpdates(PLACE, answer({ ok: false })), 0);
  assert.equal(await countUpdates({ baseUrl: "http://host/" }, () => assert.fail()), 0);
  assert.equal(await countUpdates(PLACE, () => Promise.reject(new Error("gone"))), 0);
  assert.deepEqual([0, 1, 7].map(badgeText), ["", "1 update", "7 updates"]);
});

test("the badge follows the notebook, and asks nothing when it is off", async () => {
  const tracker = { currentWidget: {} };
  let asked = 0;
  let told = 0;
  const badge = createBadge(tracker, async () => (asked += 1, 3), () => (told += 1));
  await badge.update();
  assert.deepEqual([badge.count, asked, told], [3, 1, 1]);
  await badge.update();
  assert.deepEqual([badge.count, asked, told], [3, 2, 1]);
  badge.isOn = false;
  await badge.update();
  assert.deepEqual([badge.count, asked, told], [0, 2, 2]);
});

test("a notebook's place has its kernel and the server of that kernel", () => {
  const sessionContext = { session: { kernel: { id: "k" } }, kernelPreference: { name: "python3" } };
  assert.deepEqual(placeOf({ sessionContext }, { baseUrl: "http://host/", token: "t" }), { baseUrl: "http://host/", token: "t", kernelId: "k", kernelspec: "python3" });
});

test("a promise that takes too long gives nothing", async () => {
  assert.equal(await within(1, new Promise(() => {})), undefined);
  assert.equal(await within(1_000, Promise.reject(new Error("no"))), undefined);
  assert.equal(await within(1_000, Promise.resolve(3)), 3);
});

test("what the kernel says of these messages is told from what it says of cells", () => {
  const { header } = createMessage(kernelThat({}), "shell", "execute_request", {});
  assert.deepEqual([header, { msg_id: "of-a-cell" }, {}, undefined].map((parent_header) => isOwn({ parent_header })), [true, false, false, false]);
});

test("a message names a subshell only if there is one", () => {
  const kernel = kernelThat({});
  const message = createMessage(kernel, "shell", "execute_request", { code: "1" }, "s");
  assert.equal(message.header.subshell_id, "s");
  assert.deepEqual([message.header.session, message.header.username, message.content], ["c", "u", { code: "1" }]);
  assert.equal("subshell_id" in createMessage(kernel, "shell", "execute_request", {}).header, false);
});

test("a subshell is made once, and found again after a reload", async () => {
  const memory = memoryOf();
  const kernel = kernelThat({ create_subshell_request: { subshell_id: "new" }, list_subshell_request: { subshell_id: ["other", "new"] } });
  assert.equal(await findSubshell(kernel, memory), "new");
  assert.equal(await findSubshell(kernel, memory), "new");
  assert.deepEqual(kernel.sent, ["create_subshell_request", "list_subshell_request"]);
  const restarted = kernelThat({ create_subshell_request: { subshell_id: "next" }, list_subshell_request: { subshell_id: [] } });
  assert.equal(await findSubshell(restarted, memory), "next");
});

test("a kernel without subshells is asked for none", async () => {
  const kernel = kernelThat({}, { info: {} });
  assert.equal(await findSubshell(kernel, memoryOf()), "");
  assert.deepEqual(kernel.sent, []);
});

test("a kernel that is missing, dead or busy without subshells shows no panel", async () => {
  const place = { host: { addWidget: () => assert.fail() }, memory: memoryOf(), isCurrent: () => true };
  assert.equal(refusalOf(kernelThat({})), "");
  assert.equal(await showKernelPanel({ ...place, kernel: null }), "none");
  assert.equal(await showKernelPanel({ ...place, kernel: kernelThat({}, { status: "dead" }) }), "dead");
  assert.equal(await showKernelPanel({ ...place, kernel: kernelThat({}, { info: {}, status: "busy" }) }), "busy");
  assert.equal(await showKernelPanel({ ...place, kernel: kernelThat({}, { info: {}, status: "unknown" }) }), "busy");
});

/** The parts of JupyterLab that show an output; the future's reply is `reply`. */
function outputsThat(reply, shown = ["display_data"]) {
  const widgets = [];
  class SimplifiedOutputArea {
    node = { querySelector: () => ({}) };
    isDisposed = false;
    dispose = () => (this.isDisposed = true);
  }
  const outputarea = { SimplifiedOutputArea, OutputAreaModel: class {} };
  const host = { widgets, addWidget: (widget) => widgets.push(widget) };
  const sent = [];
  const registerMessageHook = (hook) => shown.forEach((type) => hook({ header: { msg_type: type } }));
  const sendShellMessage = (message) => (sent.push(message), { registerMessageHook, done: Promise.resolve({ content: reply }) });
  return { outputarea, host, widgets, sent, sendShellMessage };
}

test("the panel is displayed in a subshell and leaves no history", async () => {
  const { outputarea, host, widgets, sent, sendShellMessage } = outputsThat({ status: "ok" });
  const kernel = { ...kernelThat({ create_subshell_request: { subshell_id: "s" } }, { status: "busy" }), sendShellMessage };
  const reason = await showKernelPanel({ kernel, host, outputarea, memory: memoryOf(), isCurrent: () => true });
  assert.equal(reason, "");
  assert.deepEqual([sent[0].header.subshell_id, sent[0].content.store_history, sent[0].content.silent], ["s", false, false]);
  assert.deepEqual([widgets.length, widgets[0].isDisposed], [1, false]);
});

test("a kernel without pkgwidgets leaves nothing behind", async () => {
  // It displays nothing; one with an older pkgwidgets fails.
  for (const [reply, shown] of [[{ status: "ok" }, ["execute_input"]], [{ status: "error", ename: "ModuleNotFoundError" }, []]]) {
    const { outputarea, host, widgets, sendShellMessage } = outputsThat(reply, shown);
    const kernel = { ...kernelThat({}, { info: {} }), sendShellMessage };
    assert.equal(await showKernelPanel({ kernel, host, outputarea, memory: memoryOf(), isCurrent: () => true }), "missing");
    assert.equal(widgets[0].isDisposed, true);
  }
});

test("over REST a running kernel is named, and the specification of one that has ended", async () => {
  const opened = [];
  const load = async () => ({ openRestPanel: (element, options) => (opened.push(options), { dispose() {} }) });
  const place = { ...PLACE, kernelspec: "python3" };
  await showRestPanel(null, place, "busy", load);
  await showRestPanel(null, place, "dead", load);
  assert.deepEqual(opened.map(({ kernelId, kernelspec }) => [kernelId, kernelspec]), [["k", undefined], [undefined, "python3"]]);
  for (const reason of ["none", "dead", "busy", "missing"]) assert.match(noteOf(reason), /\.$/);
  assert.equal(noteOf(""), "");
});

test("a narrow side bar takes room from the others, and a wide one takes none", () => {
  const sizes = widenedSizes([0.2, 0.65, 0.15], 2, 0.4);
  assert.deepEqual(sizes.map((size) => Math.round(size * 100)), [14, 46, 40]);
  assert.equal(widenedSizes([0.5, 0.5], 1, 0.4), null);
  assert.equal(Math.round(widenedSizes([0.8, 0.2], 1, 0.9)[1] * 100), 50);
});

test("the widened part is the one of the horizontal split that holds the widget", () => {
  let set = null;
  const split = { relativeSizes: () => [0.8, 0.2], orientation: "horizontal", node: { clientWidth: 1400 }, setRelativeSizes: (sizes) => (set = sizes), parent: null };
  const stack = { parent: split };
  split.widgets = [{}, stack];
  const vertical = { relativeSizes: () => assert.fail(), orientation: "vertical", parent: stack };
  widen({ parent: vertical });
  assert.deepEqual(set.map((size) => Math.round(size * 100)), [60, 40]);
});

test("a click opens the side bar though it could not be loaded at the first one", async () => {
  class Panel {
    node = { setAttribute() {} };
    title = {};
    addClass() {}
  }
  const shown = [];
  const loads = [() => Promise.reject(new Error("no answer")), async () => ({ show: (options) => shown.push(options) })];
  const bar = createBar(Panel, null, () => loads.shift()());
  await assert.rejects(bar.open(true), { message: "no answer" });
  await bar.open(true);
  assert.deepEqual(shown, [{ wide: true }]);
});
