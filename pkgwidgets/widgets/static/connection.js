// @ts-check
// Reports displayed views to the kernel, delivers clicks while a cell runs, and shows when the kernel no longer knows the panel.

/** @import {View} from "./dom.js" */
import { h, setText } from "./dom.js";
import { config } from "./jupyter_page.js";

const DEAD_TEXT = "The kernel was restarted, so this panel no longer works. Run your cells again, also that of the panel.";
const ANSWER_MILLISECONDS = 4_000; // time limit for an answer on the control channel
const COMM_MILLISECONDS = 300; // after a click; a kernel that is free has confirmed it by then
const PROBE_DELAY_MILLISECONDS = 1_500; // after a click; nearly every kernel has answered by then

// Sends one request on the kernel's control channel, which answers while a cell runs.
function request(kernel, content) {
  const { baseUrl, token } = config();
  if (!kernel || !baseUrl) return Promise.reject(new Error("no server to ask"));
  const messageId = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  const url = new URL(`${baseUrl}api/kernels/${kernel}/channels`, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  url.searchParams.set("session_id", messageId);
  if (token) url.searchParams.set("token", token);
  const header = { msg_id: messageId, msg_type: "pkgwidgets_request", session: messageId, username: "", version: "5.3", date: new Date().toISOString() };
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    const timer = setTimeout(() => finish(reject, new Error("no answer")), ANSWER_MILLISECONDS);
    function finish(settle, value) {
      clearTimeout(timer);
      socket.close();
      settle(value);
    }
    socket.onerror = () => finish(reject, new Error("no connection"));
    socket.onopen = () => socket.send(JSON.stringify(
      { channel: "control", header, parent_header: {}, metadata: {}, content, buffers: [] }));
    socket.onmessage = ({ data }) => {
      const message = typeof data === "string" ? JSON.parse(data) : {};
      if (message.parent_header?.msg_id === messageId && message.header?.msg_type === "pkgwidgets_reply") finish(resolve, message.content);
    };
  });
}

/** @param {View} view */
function render({ model, el }) {
  const view = crypto.randomUUID?.() ?? String(Math.random());
  const note = h("p", { className: "pkgw-note pkgw-bad pkgw-dead", role: "alert" });
  const root = h("section", { className: "pkgw" }, note);

  let isDead = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let missCount = 0;

  const panel = () => el.closest(".pkgw-panel");
  const isDisconnected = () => Boolean(el.closest(".jupyter-widgets-disconnected")); // set by the widget manager
  const sendRequest = (action) => request(model.get("kernel"), { key: model.get("key"), do: action });
  const notify = (type) => isDead || isDisconnected() || model.send({ type, view });

  function showDead() {
    isDead = true;
    setText(note, DEAD_TEXT);
    el.classList.remove("pkgw-hidden");
    panel()?.classList.add("pkgw-panel-dead");
  }

  // The answer distinguishes a busy kernel from one that does not know the panel. Neither answers widget messages.
  async function probe() {
    if (isDead || !el.isConnected) return;
    if (isDisconnected()) return showDead();
    if (!model.get("kernel")) return;
    try {
      const { known } = await sendRequest("look");
      missCount = 0;
      if (!known) showDead();
    } catch (error) {
      missCount += error instanceof Error && error.message === "no answer" ? 1 : 0;
      if (missCount === 1) timer = setTimeout(probe, ANSWER_MILLISECONDS);
      else if (missCount > 1) showDead();
    }
  }

  function onClick({ target }) {
    if (!panel()?.contains(target) || !target.closest("button")) return;
    clearTimeout(timer);
    timer = setTimeout(probe, PROBE_DELAY_MILLISECONDS);
  }

  /** @type {Map<string, {send: () => Promise<unknown>, timer?: ReturnType<typeof setTimeout>}>} */
  const unconfirmed = new Map(); // in the order of the clicks
  /** @type {Promise<unknown>} */
  let delivered = Promise.resolve();

  // The control channel takes a click that the comm has not delivered: it may wait there for the running cell.
  function onSent(event) {
    const { target, detail } = event;
    const { part, message } = detail;
    if (!panel()?.contains(target)) return;
    const isBusy = unconfirmed.size > 0 || model.widget_manager?.kernel?.status === "busy";
    const send = () => request(model.get("kernel"), { key: model.get("key"), do: "click", part, message }).catch(() => {});
    unconfirmed.set(message.click, { send, timer: isBusy ? undefined : setTimeout(deliverAll, COMM_MILLISECONDS) });
    if (isBusy) deliverAll();
  }

  // One after the other: a *Cancel* that came after the next click would cancel what that click began.
  function deliverAll() {
    for (const [click, waiting] of unconfirmed) {
      clearTimeout(waiting.timer);
      const { send } = waiting;
      waiting.send = () => Promise.resolve(); // once
      delivered = delivered.then(() => (unconfirmed.has(click) ? send() : undefined));
    }
  }

  function onConfirmed({ type, click }) {
    if (type !== "confirmed") return;
    clearTimeout(unconfirmed.get(click)?.timer);
    unconfirmed.delete(click);
  }

  function onLive() {
    setTimeout(() => (isDisconnected() ? showDead() : undefined), 0); // after the view has handled the event
  }

  const onVisible = () => notify(document.visibilityState === "visible" ? "here" : "gone");
  const onLeave = () => notify("gone");

  document.addEventListener("visibilitychange", onVisible);
  document.addEventListener("click", onClick, true);
  document.addEventListener("pkgw-click", onSent);
  model.on("msg:custom", onConfirmed);
  window.addEventListener("focus", onVisible);
  window.addEventListener("pagehide", onLeave);
  model.on("comm_live_update", onLive);

  el.append(root);
  el.classList.add("pkgw-hidden");
  onVisible();

  return () => {
    notify("gone");
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", onVisible);
    document.removeEventListener("click", onClick, true);
    document.removeEventListener("pkgw-click", onSent);
    model.off("msg:custom", onConfirmed);
    window.removeEventListener("focus", onVisible);
    window.removeEventListener("pagehide", onLeave);
    model.off("comm_live_update", onLive);
    el.classList.remove("pkgw-hidden");
    root.remove();
  };
}

export default { render };
