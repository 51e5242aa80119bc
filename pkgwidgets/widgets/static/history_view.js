// @ts-check
// What was done before: when, by whom, how it ended, and the way back.

/** @import {View} from "./dom.js" */
import { button, focusedIn, h } from "./dom.js";

const MARKS = { committed: "✓", "rolled back": "↶", broken: "✕", started: "…" };
const OUTCOME_WORDS = { "rolled back": "failed, rolled back" };
const LONGEST = 6; // changes that are named; the others are counted

/** @type {Intl.DateTimeFormatOptions} */
const SHORT = { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" };
const thisYear = new Intl.DateTimeFormat(undefined, SHORT);
const otherYear = new Intl.DateTimeFormat(undefined, { ...SHORT, year: "numeric" });

function localTime(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return "";
  return (date.getFullYear() === new Date().getFullYear() ? thisYear : otherYear).format(date);
}

function lasted(seconds) {
  if (typeof seconds !== "number" || seconds < 0) return "";
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  return seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

function changesText(changes) {
  const more = changes.length - LONGEST;
  return changes.slice(0, LONGEST).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function outcomeCell({ outcome, undone, takes_back: takesBack }) {
  const kind = { committed: "ok", broken: "bad", "rolled back": "bad" }[outcome] ?? "dim";
  const words = (undone && "undone since") || (takesBack && outcome === "committed" && "taken back") || OUTCOME_WORDS[outcome] || outcome;
  const mark = h("span", { className: "pkgw-mark", ariaHidden: "true" }, MARKS[outcome] ?? "");
  return h("td", { className: `pkgw-${undone ? "dim" : kind} pkgw-how` }, mark, words);
}

/** @param {View} view */
function render({ model, el }) {
  const count = h("span", { className: "pkgw-dim", role: "status" });
  const close = button("×", { className: "pkgw-quiet pkgw-close", ariaLabel: "Close", onclick: shut });
  const head = h("div", { className: "pkgw-row pkgw-head" }, h("h3", { className: "pkgw-title" }, "History"), count, close);
  const body = h("div", { className: "pkgw-body" });
  const root = h("section", { className: "pkgw", ariaLabel: "History" }, head, body);
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab looks for shortcuts before any listener of ours

  const unfolded = new Set();
  let open = false;
  /** @type {HTMLElement | null} */
  let opener = null;
  const focused = () => focusedIn(el);
  const logs = () => model.get("logs") ?? {};

  function row(entry) {
    const { id, started, seconds, changes, who, error, undo } = entry;
    const what = changesText(changes) || "nothing that can be read any more";
    const log = button("Log", { className: "pkgw-quiet pkgw-fold", name: "log", value: id,
      ariaLabel: `Log of ${what}`, ariaExpanded: String(unfolded.has(id)) });
    const back = undo && button("Undo…", { className: "pkgw-quiet", name: "undo", value: id, ariaLabel: `Undo ${what}` });
    return h("tr", null,
      h("td", { className: "pkgw-dim" }, h("time", { dateTime: started }, localTime(started)), h("div", null, lasted(seconds))),
      outcomeCell(entry),
      h("td", { className: "pkgw-why" }, what, error && h("div", { className: "pkgw-warn" }, error)),
      h("td", { className: "pkgw-dim pkgw-who" }, who),
      h("td", { className: "pkgw-end" }, back, log));
  }

  function logRow({ id }) {
    const text = logs()[id] ?? "reading…";
    return h("tr", { className: "pkgw-log" }, h("td", { colSpan: 5 }, h("pre", { className: "pkgw-pre", tabIndex: 0, ariaLabel: "Log" }, text)));
  }

  function table(entries) {
    if (!entries.length) return h("p", { className: "pkgw-empty" }, "Nothing has been changed yet.");
    const heads = ["When", "Outcome", "Changes", "By"].map((text) => h("th", { scope: "col" }, text));
    const acts = h("th", { scope: "col" }, h("span", { className: "pkgw-sr" }, "Undo and log"));
    const rows = entries.flatMap((entry) => (unfolded.has(entry.id) ? [row(entry), logRow(entry)] : [row(entry)]));
    return h("div", { className: "pkgw-scroll" },
      h("table", { className: "pkgw-history", ariaLabel: "History" },
        h("thead", null, h("tr", null, ...heads, acts)), h("tbody", null, ...rows)));
  }

  function show() {
    const entries = model.get("entries");
    const before = open;
    open = Array.isArray(entries);
    const held = root.contains(focused()) ? focused() : null;
    if (!before && open) opener = focused();
    el.classList.toggle("pkgw-hidden", !open);
    const top = body.firstElementChild?.scrollTop ?? 0;
    count.textContent = open && entries.length ? `${entries.length} ${entries.length === 1 ? "change" : "changes"}` : "";
    body.replaceChildren(...(open ? [table(entries)] : []));
    if (body.firstElementChild) body.firstElementChild.scrollTop = top;
    if (!open) unfolded.clear();
    settleFocus(before, held);
  }

  // What had the focus may be gone now, and then the notebook would get the next key.
  function settleFocus(before, held) {
    if (!open && held && opener?.isConnected) opener.focus({ preventScroll: true });
    if (!open || (before && !held) || held?.isConnected) return;
    const same = held && [...body.querySelectorAll("button")].find((b) => b.name === held.name && b.value === held.value);
    requestAnimationFrame(() => (same ?? close).focus({ preventScroll: before }));
  }

  function shut() {
    model.send({ type: "close" });
  }

  function onClick({ target }) {
    const pushed = target.closest("button");
    if (pushed?.name === "undo") model.send({ type: "undo", id: pushed.value });
    if (pushed?.name !== "log") return;
    const id = pushed.value;
    if (!unfolded.delete(id)) unfolded.add(id);
    if (unfolded.has(id)) model.send({ type: "log", id });
    show();
  }

  function onKey(event) {
    event.stopPropagation(); // the notebook has shortcuts of its own
    if (event.key === "Escape") shut();
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
