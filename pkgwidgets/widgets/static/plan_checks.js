// @ts-check
// The checks of a plan: the cells that use changed packages, and a rehearsal of the notebook.

/** @import {Model} from "./dom.js" */
import { button, focusedIn, foldButton, h, listen, reveal, setText, strong } from "./dom.js";
import { pathOf, save } from "./jupyter_page.js";
import { LABELS } from "./labels.js";

const MAX_FIRST_FINDINGS = 4; // the others are folded away
const SEVERITY_WORDS = { none: "unaffected" };

function findingRow({ cell, package: name, name: usedName, finding, severity }) {
  const badge = h("span", { className: `pkgw-badge pkgw-s-${severity}` }, SEVERITY_WORDS[severity] ?? severity);
  return h("tr", null,
    h("th", { scope: "row", className: "pkgw-place" }, cell || "warning"),
    h("td", null, badge),
    h("td", { className: "pkgw-why" }, h("code", null, usedName || name), finding && " ", finding && h("span", { className: "pkgw-dim" }, finding)));
}

function findingsTable(rows, label) {
  const heads = ["Cell", "Finding", "What it uses"].map((text) => h("th", { scope: "col" }, text));
  return h("table", { className: "pkgw-findings", ariaLabel: label },
    h("thead", { className: "pkgw-sr" }, h("tr", null, ...heads)),
    h("tbody", null, ...rows.map(findingRow)));
}

const HARMLESS = ["none", "indirect"];

// What could not be read was run by a rehearsal: its result is above.
function answeredByRehearsal(rows) {
  return rows.some(({ severity }) => severity === "unknown") && rows.every(({ severity }) => severity === "unknown" || HARMLESS.includes(severity));
}

const VERDICT_MARKS = { bad: "✕", ok: "✓", unsure: "!" };

/**
 * Returns the findings about the notebook's code. `isRehearsed`: the rehearsal has run it.
 *
 * @param {{ state?: string, text?: string, rows?: any[] }} impact
 * @param {() => void} onLook
 */
export function impactNodes({ state, text, rows = [] }, onLook, isRehearsed = false) {
  if (state === "looking") return [h("p", { className: "pkgw-dim" }, "Reading the code of this notebook for uses of changed packages…")];
  if (!text) return [];
  const look = state === "offered" && button(LABELS.analyze, { className: "pkgw-quiet", onclick: onLook });
  const isAnswered = isRehearsed && answeredByRehearsal(rows);
  const sentence = isAnswered ? "what reading it left unknown, the rehearsal has run." : `${text[0].toLowerCase()}${text.slice(1)}`;
  /** @type {HTMLElement[]} */
  const nodes = [h("p", null, strong("Code of this notebook:"), ` ${sentence}${look ? " " : ""}`, look)];
  // Findings without a problem add nothing to the sentence.
  const worst = isAnswered ? [] : rows.filter(({ severity }) => !HARMLESS.includes(severity));
  const first = worst.slice(0, MAX_FIRST_FINDINGS);
  const rest = rows.filter((row) => !first.includes(row));
  if (first.length) nodes.push(findingsTable(first, "Uses that would fail or change"));
  if (rest.length) {
    const otherFindings = findingsTable(rest, "Other uses");
    nodes.push(foldButton(`${first.length ? `${rest.length} more` : `Show ${rest.length === 1 ? "it" : `all ${rest.length}`}`}`, otherFindings), otherFindings);
  }
  return nodes;
}

/**
 * Returns one output. `changed` has the numbers, from 0, of the lines that differ from the other output.
 *
 * @param {string} label
 * @param {string} text
 * @param {number[]} changed
 */
function side(label, text, changed) {
  const differs = new Set(changed);
  const lines = text.split("\n").map((line, i) => h("span", { className: differs.has(i) ? "pkgw-differs" : "" }, i ? `\n${line}` : line));
  const content = text ? lines : [h("span", { className: "pkgw-dim" }, "no output")];
  return h("div", { className: "pkgw-side" },
    h("div", { className: "pkgw-dim" }, label),
    h("pre", { className: "pkgw-pre", tabIndex: 0, ariaLabel: label }, ...content));
}

export function comparedCell({ place, verdict, bad, source, before, after, changed_before: changedBefore, changed_after: changedAfter }) {
  const code = h("pre", { className: "pkgw-pre pkgw-source", tabIndex: 0, ariaLabel: `Source of ${place}` }, source);
  return h("section", { className: "pkgw-compared", ariaLabel: `${place}: ${verdict}` },
    h("div", { className: "pkgw-row" }, h("span", { className: "pkgw-place" }, place),
      h("span", { className: `pkgw-badge ${bad ? "pkgw-s-breaks" : ""}` }, verdict)),
    code,
    h("div", { className: "pkgw-sides" }, side("Before", before, changedBefore), side("After", after, changedAfter)));
}

export function rehearsalNodes({ kind, text, note, cells = [], broken }, whole, onSurvive) {
  const mark = h("span", { className: "pkgw-mark", ariaHidden: "true" }, VERDICT_MARKS[kind]);
  const surviveButton = broken && whole && button(LABELS.upgradeWithoutBreaking, { className: "pkgw-quiet", onclick: onSurvive });
  const sentence = h("p", { className: `pkgw-note pkgw-outcome pkgw-${kind}` }, mark, strong("Rehearsal:"), " ", text, note && " ", note, surviveButton && " ", surviveButton);
  if (!cells.length) return [sentence];
  return [sentence, h("div", { className: "pkgw-cells" }, ...cells.map(comparedCell))];
}

/**
 * Returns the parts of a plan that are filled in later. `close` removes the listeners.
 *
 * @param {Model} model
 * @param {HTMLElement} el
 */
export function planChecks(model, el) {
  const impact = h("div", { className: "pkgw-checks", role: "status", ariaLabel: "Changed packages that this notebook uses" });
  const field = h("input", { type: "text", className: "pkgw-input", placeholder: "report.ipynb", spellcheck: false, ariaLabel: "Path of the notebook" });
  const tryButton = button(LABELS.rehearseTyped, { onclick: onTry });
  const errorNote = h("span", { className: "pkgw-warn", role: "alert" });
  const pathRow = h("div", { className: "pkgw-row" }, h("span", null, "Which notebook?"), field, tryButton, errorNote);
  const progressText = h("span", { className: "pkgw-dim", role: "status" });
  const stop = button(LABELS.cancelRehearsal, { onclick: onStop });
  const fill = h("i");
  const bar = h("div", { className: "pkgw-bar", role: "progressbar", ariaLabel: "Rehearsal", ariaValueMin: "0", ariaValueMax: "100" }, fill);
  const progressRow = h("div", null, h("div", { className: "pkgw-row pkgw-head" }, strong("Rehearsing the notebook"), progressText, stop), bar);
  const resultBox = h("div", { className: "pkgw-verdict", role: "status" });
  const rehearsal = h("section", { className: "pkgw-rehearsal", ariaLabel: "Rehearsal" }, pathRow, progressRow, resultBox);
  const drawn = { impact: "", rehearsal: "" };
  let shownPhase = "";
  let isWatched = false; // the rehearsal was started in this view
  let typed = ""; // the user's path, if neither the page nor the kernel knows it

  async function send(type) {
    isWatched = true;
    const path = typed || pathOf(model);
    model.send({ type, path, typed: Boolean(typed), unsaved: await save(model) });
  }

  function onTry() {
    typed = field.value.trim();
    send("try");
  }

  function onStop() {
    stop.ariaDisabled = "true";
    model.send({ type: "stop" });
  }

  function onEnter(event) {
    if (event.key === "Enter") onTry();
  }

  // Rebuilds a node only if its data changed, so that an open fold stays open.
  function redraw(trait, node, nodes) {
    const drawnKey = JSON.stringify([model.get(trait), model.get("plan")?.whole, isRehearsed()]);
    if (drawn[trait] === drawnKey) return;
    drawn[trait] = drawnKey;
    node.replaceChildren(...nodes());
  }

  const isRehearsed = () => ["ok", "bad"].includes(model.get("rehearsal")?.kind);

  function refresh() {
    const impactState = model.get("impact") ?? {};
    const rehearsalState = model.get("rehearsal") ?? {};
    const hadFocus = rehearsal.contains(focusedIn(el));
    redraw("impact", impact, () => impactNodes(impactState, () => model.send({ type: "look" }), isRehearsed()));
    redraw("rehearsal", resultBox, () => (rehearsalState.state === "done" ? rehearsalNodes(rehearsalState, model.get("plan")?.whole, () => send("survive")) : []));
    impact.hidden = !impactState.state;
    rehearsal.hidden = !rehearsalState.state;
    pathRow.hidden = rehearsalState.state !== "asking";
    progressRow.hidden = rehearsalState.state !== "running";
    resultBox.hidden = rehearsalState.state !== "done";
    if (rehearsalState.state === "asking" && !hadFocus) {
      if (!field.value) field.value = rehearsalState.path ?? "";
      requestAnimationFrame(() => field.focus());
    }
    setText(errorNote, rehearsalState.text && rehearsalState.state === "asking" ? rehearsalState.text : "");
    if (rehearsalState.state !== "running") stop.ariaDisabled = "false";
    setText(progressText, rehearsalState.state === "running" ? rehearsalState.text : "");
    const isCounted = typeof rehearsalState.fraction === "number";
    bar.classList.toggle("pkgw-endless", !isCounted);
    bar.ariaValueNow = isCounted ? String(Math.round(rehearsalState.fraction * 100)) : null;
    fill.style.width = isCounted ? `${rehearsalState.fraction * 100}%` : "";
    const phase = rehearsalState.state ?? "";
    if (isWatched && phase && phase !== shownPhase) reveal(phase === "done" ? resultBox.firstElementChild ?? resultBox : rehearsal);
    shownPhase = phase;
  }

  field.addEventListener("keydown", onEnter);
  const stopListening = listen(model, ["impact", "rehearsal", "plan"], refresh);
  refresh();
  return { impact, rehearsal, rehearse: () => send("try"), isBusy: () => model.get("rehearsal")?.state === "running", close: stopListening };
}
