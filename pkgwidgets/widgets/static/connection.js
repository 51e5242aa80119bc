// @ts-check
// Tells the kernel which views are displayed, calls off while a cell runs, and says when the kernel has forgotten the panel.

/** @import {View} from "./dom.js" */
import { h, say } from "./dom.js";
import { config } from "./jupyter_page.js";

const DEAD = "The kernel was restarted, and no longer knows this panel. Run its cell again.";
const PATIENCE = 4_000; // ms that the kernel's control channel may take to answer
const SETTLED = 1_500; // ms after a click, in which nearly every kernel has answered

// One request over the kernel's control channel, which answers while a cell runs.
function request(kernel, content) {
  const { baseUrl, token } = config();
  if (!kernel || !baseUrl) return Promise.reject(new Error("no server to ask"));
  const id = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  const url = new URL(`${baseUrl}api/kernels/${kernel}/channels`, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  url.searchParams.set("session_id", id);
  if (token) url.searchParams.set("token", token);
  const header = { msg_id: id, msg_type: "pkgwidgets_request", session: id, username: "", version: "5.3", date: new Date().toISOString() };
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    const timer = setTimeout(() => done(reject, new Error("no answer")), PATIENCE);
    function done(settle, value) {
      clearTimeout(timer);
      socket.close();
      settle(value);
    }
    socket.onerror = () => done(reject, new Error("no connection"));
    socket.onopen = () => socket.send(JSON.stringify(
      { channel: "control", header, parent_header: {}, metadata: {}, content, buffers: [] }));
    socket.onmessage = ({ data }) => {
      const message = typeof data === "string" ? JSON.parse(data) : {};
      if (message.parent_header?.msg_id === id && message.header?.msg_type === "pkgwidgets_reply") done(resolve, message.content);
    };
  });
}

/** @param {View} view */
function render({ model, el }) {
  const view = crypto.randomUUID?.() ?? String(Math.random());
  const note = h("p", { className: "pkgw-note pkgw-bad pkgw-dead", role: "alert" });
  const root = h("section", { className: "pkgw" }, note);

  let dead = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let misses = 0;

  const panel = () => el.closest(".pkgw-panel");
  const isCut = () => Boolean(el.closest(".jupyter-widgets-disconnected")); // the widget manager says so
  const ask = (what) => request(model.get("kernel"), { key: model.get("key"), do: what });
  const tell = (type) => dead || isCut() || model.send({ type, view });

  function die() {
    dead = true;
    say(note, DEAD);
    el.classList.remove("pkgw-hidden");
    panel()?.classList.add("pkgw-panel-dead");
  }

  // The answer tells a busy kernel from one that has forgotten us: messages of widgets get none from either.
  async function probe() {
    if (dead || !el.isConnected) return;
    if (isCut()) return die();
    if (!model.get("kernel")) return;
    try {
      const { known } = await ask("look");
      misses = 0;
      if (!known) die();
    } catch (error) {
      misses += error instanceof Error && error.message === "no answer" ? 1 : 0;
      if (misses === 1) timer = setTimeout(probe, PATIENCE);
      else if (misses > 1) die();
    }
  }

  function onClick({ target }) {
    if (!panel()?.contains(target) || !target.closest("button")) return;
    clearTimeout(timer);
    timer = setTimeout(probe, SETTLED);
  }

  function onCancel(event) {
    const { target, detail } = event;
    if (panel()?.contains(target)) ask(detail || "cancel").catch(() => {}); // the message of the widget is on its way, too
  }

  function onLive() {
    setTimeout(() => (isCut() ? die() : undefined), 0); // after the view has heard of it
  }

  const onVisible = () => tell(document.visibilityState === "visible" ? "here" : "gone");
  const onLeave = () => tell("gone");

  document.addEventListener("visibilitychange", onVisible);
  document.addEventListener("click", onClick, true);
  document.addEventListener("pkgw-cancel", onCancel);
  window.addEventListener("focus", onVisible);
  window.addEventListener("pagehide", onLeave);
  model.on("comm_live_update", onLive);

  el.append(root);
  el.classList.add("pkgw-hidden");
  onVisible();

  return () => {
    tell("gone");
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", onVisible);
    document.removeEventListener("click", onClick, true);
    document.removeEventListener("pkgw-cancel", onCancel);
    window.removeEventListener("focus", onVisible);
    window.removeEventListener("pagehide", onLeave);
    model.off("comm_live_update", onLive);
    el.classList.remove("pkgw-hidden");
    root.remove();
  };
}

export default { render };
