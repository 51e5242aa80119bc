// @ts-check
// What is being done, and what came of it.

/** @import {View} from "./dom.js" */
import { button, focusedIn, folding, h, say, strong } from "./dom.js";
import { restartQuestion } from "./restart_prompt.js";

const OUTCOME_MARKS = { ok: ["✓", "Done: "], bad: ["✕", "Failed: "] }; // seen, spoken

const undoButton = (id, label) => button("Undo", { className: "pkgw-quiet", name: "undo", value: id, ariaLabel: label });
const restartButton = () => button("Restart kernel…", { className: "pkgw-quiet", name: "restart" });
const closeButton = () => button("×", { className: "pkgw-quiet pkgw-close", name: "close", ariaLabel: "Close" });

function stepItems(stages, stage) {
  const current = stages.indexOf(stage);
  return stages.map((name, i) => {
    if (i < current) return h("li", null, `✓ ${name}`);
    if (i === current) return h("li", { ariaCurrent: "step" }, h("strong", null, name));
    return h("li", { className: "pkgw-dim" }, name);
  });
}

function outcomeNodes({ kind, text, restart, word, undo, undo_id: id }) {
  const [mark, spoken] = OUTCOME_MARKS[kind] ?? [];
  return [
    mark && h("span", { className: "pkgw-mark", ariaHidden: "true" }, mark),
    spoken && h("span", { className: "pkgw-sr" }, spoken),
    h("span", null, text, restart && " ", restart && strong(`${word}:`), restart && ` ${restart}`),
    restart && restartButton(),
    undo && undoButton(id, "Undo"),
  ].filter(Boolean);
}

/** @param {View} view */
function render({ model, el }) {
  const title = h("h3", { className: "pkgw-title" });
  const text = h("span", { className: "pkgw-dim", role: "status", ariaLive: "polite" });
  const cancel = button("Cancel");
  const head = h("div", { className: "pkgw-row pkgw-head" }, title, text, cancel);
  const fill = h("i");
  const bar = h("div", { className: "pkgw-bar", role: "progressbar", ariaValueMin: "0", ariaValueMax: "100" }, fill);
  const steps = h("ol", { className: "pkgw-steps" });
  const outcome = h("div", { className: "pkgw-note pkgw-outcome" });
  const result = h("div", { className: "pkgw-row pkgw-result", role: "status" }, outcome, closeButton());
  const question = restartQuestion(model, el);
  const log = h("pre", { className: "pkgw-pre", tabIndex: 0, ariaLabel: "Log" });
  const fold = folding("Log", log);
  const folded = h("div", { className: "pkgw-folded" }, fold, log);
  const root = h("section", { className: "pkgw", ariaLabel: "Progress" },
    head, bar, steps, result, question.node, folded);
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab looks for shortcuts before any listener of ours

  const focused = () => focusedIn(el);
  const drawn = new Map(); // node -> the JSON it was last built from

  // Rebuilds a node's children only when what they show has changed.
  function draw(node, data, build) {
    const now = JSON.stringify(data);
    if (drawn.get(node) === now) return;
    drawn.set(node, now);
    node.replaceChildren(...build());
  }

  function showProgress({ title: heading = "", text: line = "", fraction, stages = [], stage, cancellable }) {
    say(title, heading);
    say(text, line);
    const known = typeof fraction === "number";
    const percent = known ? Math.round(Math.min(1, Math.max(0, fraction)) * 100) : 0;
    bar.classList.toggle("pkgw-endless", !known);
    bar.ariaLabel = heading;
    bar.ariaValueNow = known ? String(percent) : null;
    fill.style.width = known ? `${percent}%` : "";
    draw(steps, [stages, stage], () => stepItems(stages, stage));
    // Not `disabled`: that would throw the keyboard focus out of the panel.
    cancel.ariaDisabled = String(!cancellable);
  }

  function showOutcome(what) {
    outcome.hidden = !what;
    outcome.classList.toggle("pkgw-ok", what?.kind === "ok");
    outcome.classList.toggle("pkgw-bad", what?.kind === "bad");
    outcome.role = what?.kind === "bad" ? "alert" : null;
    draw(outcome, what, () => (what ? outcomeNodes(what) : []));
  }

  function showLog(lines) {
    folded.hidden = lines.length === 0;
    const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
    say(log, lines.join("\n"));
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  function show() {
    const task = model.get("task") ?? {};
    const { running = false, log: lines = [], outcome: what = null } = task;
    const hadFocus = root.contains(focused());
    el.classList.toggle("pkgw-hidden", !running && !what);
    for (const node of [head, bar, steps]) node.hidden = !running;
    result.hidden = running || !what;
    if (running) showProgress(task);
    showOutcome(running ? null : what);
    if (running || !what?.restart) question.close();
    showLog(lines);
    if (hadFocus) keepFocus();
  }

  // What had the focus may be gone or hidden now, and then the notebook would get the next key.
  function keepFocus() {
    const seen = (node) => node.checkVisibility();
    if (root.contains(focused()) && seen(focused())) return;
    [.../** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[name=close]")), cancel].find(seen)?.focus({ preventScroll: true });
  }

  // The kernel gets messages of widgets only between cells: `connection.js` has another way to it.
  function callOff() {
    cancel.ariaDisabled = "true";
    model.send({ type: "cancel" });
    el.dispatchEvent(new CustomEvent("pkgw-cancel", { bubbles: true }));
  }

  function onClick({ target }) {
    const pushed = target.closest("button");
    if (!pushed) return;
    if (pushed === cancel && pushed.ariaDisabled !== "true") callOff();
    if (pushed.name === "close") model.send({ type: "close" });
    if (pushed.name === "undo" && pushed.ariaDisabled !== "true") {
      pushed.ariaDisabled = "true"; // once; a new outcome brings a new button
      model.send({ type: "undo", id: pushed.value });
    }
    if (pushed.name === "restart") question.open(pushed);
    if (pushed === fold) log.scrollTop = log.scrollHeight;
  }

  const onKey = (event) => event.stopPropagation(); // the notebook has shortcuts of its own
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
