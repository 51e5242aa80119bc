// @ts-check
// The question whether to restart the kernel, with the variables that would be lost.

/** @import {Model} from "./dom.js" */
import { button, focusedIn, h, listen, setText, strong } from "./dom.js";
import { joinNames } from "./formats.js";
import { cellOf, commandsOf, restartKernel, runUpToPanel } from "./jupyter_page.js";
import { LABELS } from "./labels.js";

const BY_HAND_TEXT = "The panel cannot restart the kernel here. Use the notebook's own menu: Kernel → Restart Kernel…";

const RESTARTED_TEXT = "The kernel was restarted. Run your cells again.";

const NOT_RUN_TEXT = "The kernel was restarted, but no cell was run: this notebook is no longer open here.";

/**
 * Returns a sentence about what a restart would lose.
 *
 * @param {{ variables?: string[], more?: number, unknown?: boolean }} question `unknown`: the kernel cannot be asked
 */
export function lossText({ variables, more = 0, unknown = false }) {
  if (unknown) return "All variables of this kernel would be lost.";
  if (!variables) return "Looking for variables that would be lost…";
  if (!variables.length) return "No variables would be lost.";
  const names = joinNames([...variables, ...(more ? [`${more} more`] : [])]);
  return `${variables.length + more === 1 ? "This variable" : "These variables"} would be lost: ${names}.`;
}

/** Returns what an outcome says in place of a needed restart: the reasons for it are past. */
export const restartedFields = () => ({ word: "", loaded: "", details: [], next: RESTARTED_TEXT });

/**
 * Returns the question below an outcome. `open` shows it, `close` hides it, `end` removes its listener.
 *
 * @param {Model} model
 * @param {HTMLElement} el
 */
export function restartQuestion(model, el) {
  const messageLine = h("p", { role: "status" });
  const cancel = button(LABELS.cancel, { onclick: close });
  const restartAndRun = button(LABELS.restartAndRun, { onclick: () => restart(true) });
  const restartOnly = button(LABELS.restart, { className: "pkgw-main", onclick: () => restart(false) });
  const node = h("div", { className: "pkgw-note pkgw-question", role: "group", ariaLabel: "Restart the kernel?", hidden: true },
    h("p", null, strong("Restart the kernel?"), " The notebook's text and outputs are kept."),
    messageLine,
    h("div", { className: "pkgw-row" }, cancel, restartAndRun, restartOnly));

  /** @type {HTMLElement | null} */
  let opener = null;
  let isAsking = false; // until the user answers; later messages from the kernel are not shown
  let commands = null;
  let commandsId = ""; // the registry id from which `commands` was read

  function open(pressedButton) {
    opener = pressedButton;
    isAsking = true;
    node.hidden = false;
    pressedButton.hidden = true; // the question has the button that restarts
    restartAndRun.hidden = true;
    cancel.hidden = restartOnly.hidden = false;
    for (const control of [cancel, restartAndRun, restartOnly]) control.disabled = false;
    setText(messageLine, lossText({}));
    model.send({ type: "variables" });
    cancel.focus({ preventScroll: true });
    node.scrollIntoView({ block: "nearest" });
  }

  function close() {
    if (node.hidden) return;
    const hadFocus = node.contains(focusedIn(el));
    node.hidden = true;
    if (opener) opener.hidden = false;
    if (hadFocus && opener?.isConnected) opener.focus({ preventScroll: true });
  }

  async function show() {
    const question = model.get("question") ?? {};
    if (!isAsking || !(question.variables || question.unknown)) return;
    setText(messageLine, lossText(question));
    if (commandsId !== question.commands) {
      commandsId = question.commands;
      commands = await commandsOf(model, commandsId);
    }
    restartAndRun.hidden = !isAsking || !commands || cellOf(model) < 0;
  }

  async function restart(andRun) {
    isAsking = false;
    for (const control of [cancel, restartAndRun, restartOnly]) control.disabled = true;
    setText(messageLine, "Restarting…");
    try {
      await restartKernel(model);
    } catch {
      cancel.disabled = false;
      restartAndRun.hidden = restartOnly.hidden = true;
      setText(messageLine, BY_HAND_TEXT);
      return;
    }
    if (!andRun) return showRestarted();
    node.hidden = true;
    if (await runUpToPanel(model, commands)) return;
    node.hidden = false;
    for (const control of [cancel, restartAndRun, restartOnly]) control.hidden = true;
    setText(messageLine, NOT_RUN_TEXT);
  }

  // The outcome no longer asks for a restart: it says what is next.
  function showRestarted() {
    const task = model.get("task") ?? {};
    model.set("task", { ...task, outcome: { ...task.outcome, ...restartedFields() } });
  }

  function onKey(event) {
    if (event.key !== "Escape") return;
    event.preventDefault();
    close();
  }

  node.addEventListener("keydown", onKey);
  const end = listen(model, ["question"], show);
  return { node, open, close, end };
}
