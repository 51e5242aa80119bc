// @ts-check
// The progress and the outcome of a change.

/** @import {View} from "./dom.js" */
import { withClicks } from "./clicks.js";
import { button, focusedIn, foldButton, h, isFocusFree, reveal, setText, strong } from "./dom.js";
import { LABELS } from "./labels.js";
import { restartQuestion } from "./restart_prompt.js";

const STEP_MARKS = { ok: ["✓", ""], bad: ["✕", "Failed: "] }; // shown, and read aloud

const undoButton = (id, label) => button(label, { className: "pkgw-quiet", name: "undo", value: id });
const restartButton = () => button(LABELS.askRestart, { className: "pkgw-quiet", name: "restart" });
const closeButton = () => button("×", { className: "pkgw-quiet pkgw-close", name: "close", ariaLabel: LABELS.close });

function stepItems(stages, stage) {
  const current = stages.indexOf(stage);
  return stages.map((name, i) => {
    if (i < current) return h("li", null, `✓ ${name}`);
    if (i === current) return h("li", { ariaCurrent: "step" }, h("strong", null, name));
    return h("li", { className: "pkgw-dim" }, name);
  });
}

// One line that says how it ended and what is next; the rest is folded away.
function outcomeNodes({ kind, text, word, loaded, next, details = [], undo, undo_id: id }) {
  const [mark, spoken] = STEP_MARKS[kind] ?? [];
  const list = h("ul", { className: "pkgw-details" }, ...details.map((line) => h("li", null, line)));
  const restart = word && [" · ", strong(word), loaded && ` (${loaded})`];
  return [
    mark && h("span", { className: "pkgw-mark", ariaHidden: "true" }, mark),
    spoken && h("span", { className: "pkgw-sr" }, spoken),
    h("span", null, text, ...(restart || []), next && ` · ${next}`),
    word && restartButton(),
    undo && undoButton(id, undo),
    ...(details.length ? [foldButton(LABELS.details, list), list] : []),
  ].filter(Boolean);
}

/** @param {View} view */
function render({ model: widget, el }) {
  const model = withClicks(widget, el, "task");
  const title = h("h3", { className: "pkgw-title" });
  const text = h("span", { className: "pkgw-dim", role: "status", ariaLive: "polite" });
  const cancel = button(LABELS.cancel);
  const head = h("div", { className: "pkgw-row pkgw-head" }, title, text, cancel);
  const fill = h("i");
  const bar = h("div", { className: "pkgw-bar", role: "progressbar", ariaValueMin: "0", ariaValueMax: "100" }, fill);
  const steps = h("ol", { className: "pkgw-steps" });
  const outcome = h("div", { className: "pkgw-note pkgw-outcome" });
  const result = h("div", { className: "pkgw-row pkgw-result", role: "status" }, outcome, closeButton());
  const question = restartQuestion(model, el);
  const log = h("pre", { className: "pkgw-pre", tabIndex: 0, ariaLabel: "Log" });
  const fold = foldButton(LABELS.log, log);
  const folded = h("div", { className: "pkgw-folded" }, fold, log);
  const root = h("section", { className: "pkgw", ariaLabel: "Progress" },
    head, bar, steps, result, question.node, folded);
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab handles shortcuts before the panel's listeners run

  const focused = () => focusedIn(el);
  const drawn = new Map(); // node -> the JSON it was last built from
  let shownPhase = ""; // a new one is scrolled into view

  // Rebuilds the children of a node only if their data changed.
  function draw(node, data, build) {
    const drawnKey = JSON.stringify(data);
    if (drawn.get(node) === drawnKey) return;
    drawn.set(node, drawnKey);
    node.replaceChildren(...build());
  }

  function showProgress({ title: heading = "", text: line = "", fraction, stages = [], stage, cancellable }) {
    setText(title, heading);
    setText(text, line);
    const isCounted = typeof fraction === "number";
    const percent = isCounted ? Math.round(Math.min(1, Math.max(0, fraction)) * 100) : 0;
    bar.classList.toggle("pkgw-endless", !isCounted);
    bar.ariaLabel = heading;
    bar.ariaValueNow = isCounted ? String(percent) : null;
    fill.style.width = isCounted ? `${percent}%` : "";
    draw(steps, [stages, stage], () => stepItems(stages, stage));
    // Not `disabled`: that would move the keyboard focus out of the panel.
    cancel.ariaDisabled = String(!cancellable);
  }

  function showOutcome(outcomeState) {
    outcome.hidden = !outcomeState;
    outcome.classList.toggle("pkgw-ok", outcomeState?.kind === "ok");
    outcome.classList.toggle("pkgw-bad", outcomeState?.kind === "bad");
    outcome.role = outcomeState?.kind === "bad" ? "alert" : null;
    draw(outcome, outcomeState, () => (outcomeState ? outcomeNodes(outcomeState) : []));
  }

  function showLog(lines) {
    folded.hidden = lines.length === 0;
    const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
    setText(log, lines.join("\n"));
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  function show() {
    const task = model.get("task") ?? {};
    const { running = false, log: lines = [], outcome: outcomeState = null } = task;
    const hadFocus = root.contains(focused());
    el.classList.toggle("pkgw-hidden", !running && !outcomeState);
    for (const node of [head, bar, steps]) node.hidden = !running;
    result.hidden = running || !outcomeState;
    if (running) showProgress(task);
    showOutcome(running ? null : outcomeState);
    if (running || !outcomeState?.word) question.close();
    showLog(lines);
    if (hadFocus) keepFocus();
    const phase = running ? "running" : outcomeState ? "ended" : "";
    if (phase && phase !== shownPhase && isFocusFree(el)) reveal(root);
    shownPhase = phase;
  }

  // The focused element may be gone or hidden now; without focus in the panel, the notebook would get the next key.
  function keepFocus() {
    const isVisible = (node) => node.checkVisibility();
    if (root.contains(focused()) && isVisible(focused())) return;
    [.../** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[name=close]")), cancel].find(isVisible)?.focus({ preventScroll: true });
  }

  function sendCancel() {
    cancel.ariaDisabled = "true";
    model.send({ type: "cancel" });
  }

  function onClick({ target }) {
    const pressed = target.closest("button");
    if (!pressed) return;
    if (pressed === cancel && pressed.ariaDisabled !== "true") sendCancel();
    if (pressed.name === "close") model.send({ type: "close" });
    if (pressed.name === "undo" && pressed.ariaDisabled !== "true") {
      pressed.ariaDisabled = "true"; // once; a new outcome brings a new button
      model.send({ type: "undo", id: pressed.value });
    }
    if (pressed.name === "restart") question.open(pressed);
    if (pressed === fold) log.scrollTop = log.scrollHeight;
  }

  const onKey = (event) => event.stopPropagation(); // otherwise the notebook's shortcuts run
  el.addEventListener("keydown", onKey);
  root.addEventListener("click", onClick);
  model.on("change:task", show);

  el.append(root);
  show();

  return () => {
    el.removeEventListener("keydown", onKey);
    model.off("change:task", show);
    question.end();
    el.classList.remove("pkgw-hidden");
    root.remove();
  };
}

export default { render };
