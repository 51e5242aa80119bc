// @ts-check
// The history: when a change was made, by which user, how it ended, and a button to undo it.

/** @import {View} from "./dom.js" */
import { button, focusedIn, h } from "./dom.js";

const ENTRY_MARKS = { committed: "✓", "rolled back": "↶", broken: "✕", started: "…" };
const OUTCOME_WORDS = { "rolled back": "failed, rolled back" };
const MAX_NAMED_CHANGES = 6; // per transaction; the others are counted

/** @type {Intl.DateTimeFormatOptions} */
const SHORT = { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" };
const thisYear = new Intl.DateTimeFormat(undefined, SHORT);
const otherYear = new Intl.DateTimeFormat(undefined, { ...SHORT, year: "numeric" });

function localTime(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return "";
  return (date.getFullYear() === new Date().getFullYear() ? thisYear : otherYear).format(date);
}

function durationText(seconds) {
  if (typeof seconds !== "number" || seconds < 0) return "";
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  return seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

function changesText(changes) {
  const hiddenCount = changes.length - MAX_NAMED_CHANGES;
  return changes.slice(0, MAX_NAMED_CHANGES).join(", ") + (hiddenCount > 0 ? ` and ${hiddenCount} more` : "");
}

function outcomeCell({ outcome, undone, takes_back: takesBack }) {
  const kind = { committed: "ok", broken: "bad", "rolled back": "bad" }[outcome] ?? "dim";
  const label = (undone && "undone since") || (takesBack && outcome === "committed" && "taken back") || OUTCOME_WORDS[outcome] || outcome;
  const mark = h("span", { className: "pkgw-mark", ariaHidden: "true" }, ENTRY_MARKS[outcome] ?? "");
  return h("td", { className: `pkgw-${undone ? "dim" : kind} pkgw-how` }, mark, label);
}

/** @param {View} view */
function render({ model, el }) {
  const count = h("span", { className: "pkgw-dim", role: "status" });
  const close = button("×", { className: "pkgw-quiet pkgw-close", ariaLabel: "Close", onclick: sendClose });
  const head = h("div", { className: "pkgw-row pkgw-head" }, h("h3", { className: "pkgw-title" }, "History"), count, close);
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
    const { id, started, seconds, changes, who, error, undo } = entry;
    const changesLabel = changesText(changes) || "nothing that can be read any more";
    const log = button("Log", { className: "pkgw-quiet pkgw-fold", name: "log", value: id,
      ariaLabel: `Log of ${changesLabel}`, ariaExpanded: String(unfolded.has(id)) });
    const undoButton = undo && button("Undo…", { className: "pkgw-quiet", name: "undo", value: id, ariaLabel: `Undo ${changesLabel}` });
    return h("tr", null,
      h("td", { className: "pkgw-dim" }, h("time", { dateTime: started }, localTime(started)), h("div", null, durationText(seconds))),
      outcomeCell(entry),
      h("td", { className: "pkgw-why" }, changesLabel, error && h("div", { className: "pkgw-warn" }, error)),
      h("td", { className: "pkgw-dim pkgw-who" }, who),
      h("td", { className: "pkgw-end" }, undoButton, log));
  }

  function logRow({ id }) {
    const text = logs()[id] ?? "reading…";
    return h("tr", { className: "pkgw-log" }, h("td", { colSpan: 5 }, h("pre", { className: "pkgw-pre", tabIndex: 0, ariaLabel: "Log" }, text)));
  }

  function table(entries) {
    if (!entries.length) return h("p", { className: "pkgw-empty" }, "Nothing has been changed yet.");
    const heads = ["When", "Outcome", "Changes", "By"].map((text) => h("th", { scope: "col" }, text));
    const actionsHead = h("th", { scope: "col" }, h("span", { className: "pkgw-sr" }, "Undo and log"));
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
    count.textContent = isOpen && entries.length ? `${entries.length} ${entries.length === 1 ? "change" : "changes"}` : "";
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
  }

  function sendClose() {
    model.send({ type: "close" });
  }

  function onClick({ target }) {
    const pressed = target.closest("button");
    if (pressed?.name === "undo") model.send({ type: "undo", id: pressed.value });
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
  const events = ["change:entries", "change:logs"];
  for (const name of events) model.on(name, show);
  el.append(root);
  el.classList.add("pkgw-hidden");
  show();

  return () => {
    el.removeEventListener("keydown", onKey);
    for (const name of events) model.off(name, show);
    el.classList.remove("pkgw-hidden");
    root.remove();
  };
}

export default { render };
