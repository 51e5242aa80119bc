// @ts-check
// The history: when a change was made, by which user, how it ended, and a button to undo it.

/** @import {View} from "./dom.js" */
import { withClicks } from "./clicks.js";
import { button, focusedIn, h, reveal, setText } from "./dom.js";
import { agoNode, agoText, countNoun, durationText } from "./formats.js";
import { LABELS, namedLabel } from "./labels.js";

const OUTCOME_MARKS = { done: "✓", "rolled back": "↶", "not applied": "↶", cancelled: "↶", "rollback incomplete": "✕", "in progress": "…" };
const OUTCOME_KINDS = { done: "ok", "rolled back": "bad", "not applied": "bad", "rollback incomplete": "bad" };
const MAX_NAMED_CHANGES = 6; // per transaction; the others are counted

const columnHead = (className, ...children) => h("th", { className, scope: "col" }, ...children);

function changesText(changes) {
  const hiddenCount = changes.length - MAX_NAMED_CHANGES;
  return changes.slice(0, MAX_NAMED_CHANGES).join(", ") + (hiddenCount > 0 ? ` and ${hiddenCount} more` : "");
}

// Without a rebuild, which would lose the focus and the selection.
const refreshAge = (node) => setText(node, agoText(Date.parse(node.dateTime) / 1_000));

function outcomeCell({ outcome, undone, direction }) {
  const kind = OUTCOME_KINDS[outcome] ?? "dim";
  const label = (undone && "undone") || (outcome === "done" && direction) || outcome;
  const mark = h("span", { className: "pkgw-mark", ariaHidden: "true" }, OUTCOME_MARKS[outcome] ?? "");
  return h("td", { className: `pkgw-${undone ? "dim" : kind} pkgw-how` }, mark, label);
}

/** @param {View} view */
function render({ model: widget, el }) {
  const model = withClicks(widget, el, "history");
  const count = h("span", { className: "pkgw-dim", role: "status" });
  const close = button("×", { className: "pkgw-quiet pkgw-close", ariaLabel: LABELS.close, onclick: sendClose });
  const copy = button(LABELS.makeCopy, { className: "pkgw-quiet", onclick: () => model.send({ type: "copy" }) });
  const head = h("div", { className: "pkgw-row pkgw-head" }, h("h3", { className: "pkgw-title" }, LABELS.history), count, copy, close);
  const body = h("div", { className: "pkgw-body" });
  const root = h("section", { className: "pkgw", ariaLabel: "History" }, head, body);
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab handles shortcuts before the panel's listeners run

  const unfolded = new Set();
  let isOpen = false;
  /** @type {HTMLElement | null} */
  let opener = null;
  const focused = () => focusedIn(el);
  const logs = () => model.get("logs") ?? {};

  function row(entry) {
    const { id, started, seconds, changes, who, error, undo, refusal } = entry;
    const changesLabel = changesText(changes) || "unreadable changes";
    const log = button(LABELS.log, { className: "pkgw-quiet pkgw-fold", name: "log", value: id,
      ariaLabel: `Log of ${changesLabel}`, ariaExpanded: String(unfolded.has(id)) });
    const undoButton = undo && button(undo, { className: "pkgw-quiet", name: "undo", value: id, ariaLabel: namedLabel(undo, changesLabel), ariaDisabled: String(Boolean(model.get("changing"))) });
    const refusalNode = refusal && h("div", { className: "pkgw-dim" }, refusal);
    return h("tr", null,
      h("td", { className: "pkgw-dim pkgw-when" }, agoNode(Date.parse(started) / 1_000), h("div", null, durationText(seconds))),
      outcomeCell(entry),
      h("td", { className: "pkgw-why" }, changesLabel, error && h("div", { className: "pkgw-warn" }, error), refusalNode),
      h("td", { className: "pkgw-dim pkgw-who" }, who),
      h("td", { className: "pkgw-end" }, undoButton, log));
  }

  function logRow({ id }) {
    const text = logs()[id] ?? "Loading the log…";
    return h("tr", { className: "pkgw-log" }, h("td", { colSpan: 5 }, h("pre", { className: "pkgw-pre", tabIndex: 0, ariaLabel: "Log" }, text)));
  }

  function table(entries) {
    if (!entries.length) return h("p", { className: "pkgw-empty" }, "Nothing has been changed yet.");
    const heads = ["When", "Outcome", "Changes", "By"].map((text) => columnHead(text === "By" ? "pkgw-who" : "", text));
    const actionsHead = columnHead("", h("span", { className: "pkgw-sr" }, "Undo and log"));
    const rows = entries.flatMap((entry) => (unfolded.has(entry.id) ? [row(entry), logRow(entry)] : [row(entry)]));
    return h("div", { className: "pkgw-scroll" },
      h("table", { className: "pkgw-history", ariaLabel: "History" },
        h("thead", null, h("tr", null, ...heads, actionsHead)), h("tbody", null, ...rows)));
  }

  function show() {
    const entries = model.get("entries");
    const wasOpen = isOpen;
    isOpen = Array.isArray(entries);
    const focusedBefore = root.contains(focused()) ? focused() : null;
    if (!wasOpen && isOpen) opener = focused();
    el.classList.toggle("pkgw-hidden", !isOpen);
    const offset = body.firstElementChild?.scrollTop ?? 0;
    count.textContent = isOpen && entries.length ? countNoun(entries.length, "change") : "";
    body.replaceChildren(...(isOpen ? [table(entries)] : []));
    if (body.firstElementChild) body.firstElementChild.scrollTop = offset;
    if (!isOpen) unfolded.clear();
    settleFocus(wasOpen, focusedBefore);
  }

  // The focused element may be gone now; without focus in the panel, the notebook would get the next key.
  function settleFocus(wasOpen, focusedBefore) {
    if (!isOpen && focusedBefore && opener?.isConnected) opener.focus({ preventScroll: true });
    if (!isOpen || (wasOpen && !focusedBefore) || focusedBefore?.isConnected) return;
    const counterpart = focusedBefore && [...body.querySelectorAll("button")].find((node) => node.name === focusedBefore.name && node.value === focusedBefore.value);
    requestAnimationFrame(() => (counterpart ?? close).focus({ preventScroll: wasOpen }));
    if (!wasOpen) reveal(root);
  }

  function sendClose() {
    model.send({ type: "close" });
  }

  function onClick({ target }) {
    const pressed = target.closest("button");
    if (pressed?.name === "undo" && pressed.ariaDisabled !== "true") model.send({ type: "undo", id: pressed.value });
    if (pressed?.name !== "log") return;
    const id = pressed.value;
    if (!unfolded.delete(id)) unfolded.add(id);
    if (unfolded.has(id)) model.send({ type: "log", id });
    show();
  }

  function onKey(event) {
    event.stopPropagation(); // otherwise the notebook's shortcuts run
    if (event.key === "Escape") sendClose();
  }

  el.addEventListener("keydown", onKey);
  root.addEventListener("click", onClick);
  const clock = setInterval(() => body.querySelectorAll("time").forEach(refreshAge), 30_000);
  const events = ["change:entries", "change:logs", "change:changing"];
  for (const name of events) model.on(name, show);
  el.append(root);
  el.classList.add("pkgw-hidden");
  show();

  return () => {
    clearInterval(clock);
    el.removeEventListener("keydown", onKey);
    for (const name of events) model.off(name, show);
    el.classList.remove("pkgw-hidden");
    root.remove();
  };
}

export default { render };
