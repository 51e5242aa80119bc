// @ts-check
// The form that makes a copy of the environment: its name, what it will lack, and the progress. Then the notebook switches to its kernel.

/** @import {View} from "./dom.js" */
import { withClicks } from "./clicks.js";
import { button, focusedIn, h, reveal, setText } from "./dom.js";
import { canSwitchKernel, kernelNameOf, switchKernel } from "./jupyter_page.js";
import { LABELS } from "./labels.js";

const SWITCH_TEXT = "The notebook's kernel is replaced: its variables are lost.";

/** @param {string} label what Jupyter calls the kernel */
export const chooseText = (label) => `Choose the kernel “${label}” for this notebook. A page that was open before may have to be reloaded first.`;

/** @param {{ name: string, why: string }[]} rows */
function lackList(rows) {
  if (!rows.length) return null;
  const items = rows.map(({ name, why }) => h("li", null, h("strong", null, name), `: ${why}`));
  const list = h("ul", { className: "pkgw-lacks", tabIndex: 0, ariaLabel: "Not copied" }, ...items);
  return [h("p", { className: "pkgw-brings pkgw-warn" }, `Not copied: ${rows.length}`), list];
}

const sentences = (texts) => texts.map((text) => h("p", { className: "pkgw-brings pkgw-dim" }, text));

/** @param {View} view */
function render({ model: widget, el }) {
  const model = withClicks(widget, el, "copy");
  const title = h("h3", { className: "pkgw-title" }, "Make my own copy");
  const status = h("span", { className: "pkgw-dim", role: "status" });
  const close = button("×", { className: "pkgw-quiet pkgw-close", ariaLabel: LABELS.close, onclick: sendClose });
  const name = h("input", {
    type: "text", className: "pkgw-input", ariaLabel: "Name of the copy", maxLength: 50,
    spellcheck: false, autocomplete: "off", autocapitalize: "none", oninput: showButtons,
  });
  const plan = button(LABELS.preview, { className: "pkgw-main", onclick: sendPlan });
  const make = button(LABELS.copyNow, { className: "pkgw-main", onclick: sendMake });
  const cancel = button(LABELS.cancelCopy, { onclick: () => model.send({ type: "cancel" }) });
  const change = button(LABELS.switchKernel, { className: "pkgw-main", onclick: useCopy });
  const entry = h("div", { className: "pkgw-row pkgw-form" }, name, plan, make, cancel);
  const body = h("div", null);
  const ending = h("div", { className: "pkgw-row pkgw-form" }, change);
  const error = h("p", { className: "pkgw-note pkgw-bad", role: "alert" });
  const root = h("section", { className: "pkgw", ariaLabel: "Copy" }, h("div", { className: "pkgw-row pkgw-head" }, title, status, close), entry, body, ending, error);
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab handles shortcuts before the panel's listeners run

  let isOpen = false;
  let drawn = ""; // the JSON from which the body was drawn
  let isSwitching = false;
  /** @type {HTMLElement | null} */
  let opener = null;

  const form = () => model.get("form") ?? {};
  const typed = () => name.value.trim();

  function show() {
    const { name: known = "", busy = "", error: errorText = "", plan: planned = null, made = null } = form();
    const wasOpen = isOpen;
    isOpen = Boolean(form().open);
    if (!wasOpen && isOpen) {
      opener = focusedIn(el);
      name.value = known;
    }
    const hadFocus = root.contains(focusedIn(el));
    el.classList.toggle("pkgw-hidden", !isOpen);
    setText(status, busy);
    setText(error, errorText);
    root.ariaBusy = String(Boolean(busy));
    drawBody(planned, made);
    showButtons();
    settleFocus(wasOpen, hadFocus);
  }

  function drawBody(planned, made) {
    const key = JSON.stringify([planned, made]);
    if (key === drawn) return;
    drawn = key;
    body.replaceChildren(...(made ? madeParts(made) : planned ? planParts(planned) : []));
  }

  const planParts = ({ text, left_out: lacks, notes }) => [h("p", { className: "pkgw-brings" }, text), ...(lackList(lacks) ?? []), ...sentences(notes)];

  function madeParts({ text, notes, label }) {
    const next = !label ? [] : [canSwitchKernel(model) ? SWITCH_TEXT : chooseText(label)];
    return [h("p", { className: "pkgw-brings" }, text), ...sentences([...notes, ...next])];
  }

  // A plan counts only for the name that it was made for.
  function showButtons() {
    const { busy = "", making = false, plan: planned = null, made = null } = form();
    const isPlanned = planned !== null && planned.name === typed();
    entry.hidden = Boolean(made);
    name.disabled = making;
    plan.hidden = isPlanned || making;
    plan.disabled = Boolean(busy) || !typed();
    make.hidden = !isPlanned || making;
    cancel.hidden = !making;
    close.hidden = making;
    change.hidden = !made?.kernel || !canSwitchKernel(model);
    ending.hidden = change.hidden;
    change.disabled = isSwitching;
  }

  function settleFocus(wasOpen, hadFocus) {
    if (!isOpen && hadFocus && opener?.isConnected) opener.focus({ preventScroll: true });
    if (!isOpen || (wasOpen && !hadFocus)) return;
    const focused = focusedIn(el);
    if (!wasOpen) {
      requestAnimationFrame(() => name.focus());
      reveal(root);
    } else if (!focused || !root.contains(focused) || focused.hidden) {
      requestAnimationFrame(() => [change, make, cancel, name].find((node) => !node.hidden && !node.disabled && !node.closest("[hidden]"))?.focus({ preventScroll: true }));
    }
  }

  function sendPlan() {
    if (typed()) model.send({ type: "plan", name: typed() });
  }

  function sendMake() {
    model.send({ type: "make", name: typed(), kernel: kernelNameOf(model) });
  }

  function sendClose() {
    if (!form().making) model.send({ type: "close" });
  }

  async function useCopy() {
    const { kernel, label } = form().made;
    isSwitching = true;
    showButtons();
    setText(status, "Switching the kernel…");
    try {
      await switchKernel(model, kernel);
      setText(status, "");
    } catch {
      setText(status, "");
      setText(error, chooseText(label));
    }
    isSwitching = false;
    showButtons();
  }

  function onKey(event) {
    event.stopPropagation(); // otherwise the notebook's shortcuts run
    if (event.key === "Escape") sendClose();
    if (event.key !== "Enter" || event.target !== name) return;
    event.preventDefault();
    if (!plan.hidden && !plan.disabled) sendPlan();
  }

  el.addEventListener("keydown", onKey);
  model.on("change:form", show);
  el.append(root);
  el.classList.add("pkgw-hidden");
  show();

  return () => {
    el.removeEventListener("keydown", onKey);
    model.off("change:form", show);
    el.classList.remove("pkgw-hidden");
    root.remove();
  };
}

export default { render };
