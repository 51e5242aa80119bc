// @ts-check
// Beside a plan: which cells use what it changes, and the notebook rehearsed on it.

/** @import {Model} from "./dom.js" */
import { button, focusedIn, folding, h, listen, say, strong } from "./dom.js";
import { pathOf, save } from "./jupyter_page.js";

const FEW = 4; // findings that are shown at once
const SEVERITY_WORDS = { none: "fits" };

function findingRow({ cell, package: name, name: used, finding, severity }) {
  const badge = h("span", { className: `pkgw-badge pkgw-s-${severity}` }, SEVERITY_WORDS[severity] ?? severity);
  return h("tr", null,
    h("th", { scope: "row", className: "pkgw-place" }, cell || "warned"),
    h("td", null, badge),
    h("td", { className: "pkgw-why" }, h("code", null, used || name), finding && " ", finding && h("span", { className: "pkgw-dim" }, finding)));
}

function findingsTable(rows, label) {
  const heads = ["Cell", "Finding", "What it uses"].map((text) => h("th", { scope: "col" }, text));
  return h("table", { className: "pkgw-findings", ariaLabel: label },
    h("thead", { className: "pkgw-sr" }, h("tr", null, ...heads)),
    h("tbody", null, ...rows.map(findingRow)));
}

const VERDICT_MARKS = { bad: "✕", ok: "✓", unsure: "!" };

export function impactNodes({ state, text, rows = [] }, onLook) {
  if (state === "looking") return [h("p", { className: "pkgw-dim" }, "Looking for cells that use what changes…")];
  if (!text) return [];
  const look = state === "offered" && button("Look", { className: "pkgw-quiet", onclick: onLook });
  /** @type {HTMLElement[]} */
  const nodes = [h("p", null, strong("This notebook:"), ` ${text[0].toLowerCase()}${text.slice(1)}${look ? ". " : ""}`, look)];
  // What fits says no more than the sentence does.
  const worst = rows.filter(({ severity }) => !["none", "indirect"].includes(severity));
  const first = worst.slice(0, FEW);
  const rest = rows.filter((row) => !first.includes(row));
  if (first.length) nodes.push(findingsTable(first, "What would break or change"));
  if (rest.length) {
    const more = findingsTable(rest, "Other uses");
    nodes.push(folding(`${first.length ? `${rest.length} more` : `Show ${rest.length === 1 ? "it" : `all ${rest.length}`}`}`, more), more);
  }
  return nodes;
}

/**
 * One output. The kernel says which of its lines differ from the other's: `changed` has their numbers, from 0.
 *
 * @param {string} label
 * @param {string} text
 * @param {number[]} changed
 */
function side(label, text, changed) {
  const differs = new Set(changed);
  const lines = text.split("\n").map((line, i) => h("span", { className: differs.has(i) ? "pkgw-differs" : "" }, i ? `\n${line}` : line));
  const shown = text ? lines : [h("span", { className: "pkgw-dim" }, "nothing")];
  return h("div", { className: "pkgw-side" },
    h("div", { className: "pkgw-dim" }, label),
    h("pre", { className: "pkgw-pre", tabIndex: 0, ariaLabel: label }, ...shown));
}

export function comparedCell({ place, verdict, bad, source, before, after, changed_before: old, changed_after: fresh }) {
  const code = h("pre", { className: "pkgw-pre pkgw-source", tabIndex: 0, ariaLabel: `Source of ${place}` }, source);
  return h("section", { className: "pkgw-compared", ariaLabel: `${place}: ${verdict}` },
    h("div", { className: "pkgw-row" }, h("span", { className: "pkgw-place" }, place),
      h("span", { className: `pkgw-badge ${bad ? "pkgw-s-breaks" : ""}` }, verdict)),
    code,
    h("div", { className: "pkgw-sides" }, side("Before", before, old), side("After", after, fresh)));
}

export function rehearsalNodes({ kind, text, note, cells = [], broken }, whole, onSurvive) {
  const mark = h("span", { className: "pkgw-mark", ariaHidden: "true" }, VERDICT_MARKS[kind]);
  const more = broken && whole && button("Upgrade what this notebook survives…", { className: "pkgw-quiet", onclick: onSurvive });
  const said = h("p", { className: `pkgw-note pkgw-outcome pkgw-${kind}` }, mark, text, note && " ", note, more && " ", more);
  if (!cells.length) return [said];
  return [said, h("div", { className: "pkgw-cells" }, ...cells.map(comparedCell))];
}

/**
 * The part of a plan that is filled in later. `close` ends it.
 *
 * @param {Model} model
 * @param {HTMLElement} el
 */
export function planChecks(model, el) {
  const impact = h("div", { className: "pkgw-checks", role: "status", ariaLabel: "What this notebook uses" });
  const field = h("input", { type: "text", className: "pkgw-input", placeholder: "report.ipynb", spellcheck: false, ariaLabel: "Path of the notebook" });
  const go = button("Try", { onclick: onGo });
  const wrong = h("span", { className: "pkgw-warn", role: "alert" });
  const asking = h("div", { className: "pkgw-row" }, h("span", null, "Which notebook?"), field, go, wrong);
  const doing = h("span", { className: "pkgw-dim", role: "status" });
  const stop = button("Cancel rehearsal", { onclick: onStop });
  const fill = h("i");
  const bar = h("div", { className: "pkgw-bar", role: "progressbar", ariaLabel: "Rehearsal", ariaValueMin: "0", ariaValueMax: "100" }, fill);
  const running = h("div", null, h("div", { className: "pkgw-row pkgw-head" }, strong("Trying the notebook"), doing, stop), bar);
  const verdict = h("div", { className: "pkgw-verdict", role: "status" });
  const rehearsal = h("section", { className: "pkgw-rehearsal", ariaLabel: "Rehearsal" }, asking, running, verdict);
  const drawn = { impact: "", rehearsal: "" };
  let typed = ""; // the path that the user gave, where neither the page nor the kernel knew it

  async function send(type) {
    const path = typed || pathOf(model);
    model.send({ type, path, typed: Boolean(typed), unsaved: await save(model) });
  }

  function onGo() {
    typed = field.value.trim();
    send("try");
  }

  // The kernel gets messages of widgets only between cells: `connection.js` has another way to it.
  function onStop() {
    stop.ariaDisabled = "true";
    model.send({ type: "stop" });
    el.dispatchEvent(new CustomEvent("pkgw-cancel", { bubbles: true, detail: "stop" }));
  }

  function onEnter(event) {
    if (event.key === "Enter") onGo();
  }

  // Rebuilds what is shown only when that has changed: a fold that was opened stays open.
  function redraw(what, node, nodes) {
    const now = JSON.stringify([model.get(what), model.get("plan")?.whole]);
    if (drawn[what] === now) return;
    drawn[what] = now;
    node.replaceChildren(...nodes());
  }

  function refresh() {
    const found = model.get("impact") ?? {};
    const tried = model.get("rehearsal") ?? {};
    const was = rehearsal.contains(focusedIn(el));
    redraw("impact", impact, () => impactNodes(found, () => model.send({ type: "look" })));
    redraw("rehearsal", verdict, () => (tried.state === "done" ? rehearsalNodes(tried, model.get("plan")?.whole, () => send("survive")) : []));
    impact.hidden = !found.state;
    rehearsal.hidden = !tried.state;
    asking.hidden = tried.state !== "asking";
    running.hidden = tried.state !== "running";
    verdict.hidden = tried.state !== "done";
    if (tried.state === "asking" && !was) {
      if (!field.value) field.value = tried.path ?? "";
      requestAnimationFrame(() => field.focus());
    }
    say(wrong, tried.text && tried.state === "asking" ? tried.text : "");
    if (tried.state !== "running") stop.ariaDisabled = "false";
    say(doing, tried.state === "running" ? tried.text : "");
    const known = typeof tried.fraction === "number";
    bar.classList.toggle("pkgw-endless", !known);
    bar.ariaValueNow = known ? String(Math.round(tried.fraction * 100)) : null;
    fill.style.width = known ? `${tried.fraction * 100}%` : "";
  }

  field.addEventListener("keydown", onEnter);
  const quiet = listen(model, ["impact", "rehearsal", "plan"], refresh);
  refresh();
  return { impact, rehearsal, tries: () => send("try"), isBusy: () => model.get("rehearsal")?.state === "running", close: quiet };
}
