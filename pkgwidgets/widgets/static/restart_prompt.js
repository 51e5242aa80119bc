// @ts-check
// Whether to restart the kernel: asked in the panel, with what would be lost.

/** @import {Model} from "./dom.js" */
import { button, focusedIn, h, listen, say, strong } from "./dom.js";
import { cellOf, commandsOf, restartKernel, runUpToPanel } from "./jupyter_page.js";

const BY_HAND = "The panel cannot restart the kernel here. The notebook's own menu or toolbar can: Kernel → Restart Kernel…";

const NOT_RUN = "The kernel was restarted, but nothing was run: the page does not find this notebook any more.";

/**
 * Says what a restart would lose.
 *
 * @param {{ variables?: string[], more?: number }} found
 */
export function lost({ variables, more = 0 }) {
  if (!variables) return "Looking for what you would lose…";
  if (!variables.length) return "You would lose no variable.";
  const all = [...variables, ...(more ? [`${more} more`] : [])];
  const last = all.pop();
  return `You would lose ${all.length ? `${all.join(", ")} and ${last}` : last}.`;
}

/**
 * The question under an outcome. `open` asks it, `close` takes it back.
 *
 * @param {Model} model
 * @param {HTMLElement} el
 */
export function restartQuestion(model, el) {
  const said = h("p", { role: "status" });
  const cancel = button("Cancel", { onclick: close });
  const both = button("Restart and run up to here", { onclick: () => restart(true) });
  const only = button("Restart kernel", { className: "pkgw-main", onclick: () => restart(false) });
  const node = h("div", { className: "pkgw-note pkgw-question", role: "group", ariaLabel: "Restart the kernel?", hidden: true },
    h("p", null, strong("Restart the kernel?"), " The notebook's text and outputs stay."),
    said,
    h("div", { className: "pkgw-row" }, cancel, both, only));

  /** @type {HTMLElement | null} */
  let opener = null;
  let isAsking = false; // not yet answered: what comes later from the kernel is not shown any more
  let commands = null;
  let asked = ""; // what the kernel was asked for the commands of

  function open(from) {
    opener = from;
    isAsking = true;
    node.hidden = false;
    both.hidden = true;
    cancel.hidden = only.hidden = false;
    for (const each of [cancel, both, only]) each.disabled = false;
    say(said, lost({}));
    model.send({ type: "variables" });
    cancel.focus({ preventScroll: true });
    node.scrollIntoView({ block: "nearest" });
  }

  function close() {
    if (node.hidden) return;
    const hadFocus = node.contains(focusedIn(el));
    node.hidden = true;
    if (hadFocus && opener?.isConnected) opener.focus({ preventScroll: true });
  }

  async function show() {
    const found = model.get("question") ?? {};
    if (!isAsking || !found.variables) return;
    say(said, lost(found));
    if (asked !== found.commands) {
      asked = found.commands;
      commands = await commandsOf(model, asked);
    }
    both.hidden = !isAsking || !commands || cellOf(model) < 0;
  }

  async function restart(andRun) {
    isAsking = false;
    for (const each of [cancel, both, only]) each.disabled = true;
    say(said, "Restarting…");
    try {
      await restartKernel(model);
    } catch {
      cancel.disabled = false;
      both.hidden = only.hidden = true;
      say(said, BY_HAND);
      return;
    }
    node.hidden = true;
    if (!andRun || (await runUpToPanel(model, commands))) return;
    node.hidden = false;
    for (const each of [cancel, both, only]) each.hidden = true;
    say(said, NOT_RUN);
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
