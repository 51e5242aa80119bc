// @ts-check
// Above the list: the offer to make a copy, where others use the environment, too; and the mark of an environment that is a copy.

/** @import {Model} from "../dom.js" */
import { button, h, setText } from "../dom.js";
import { canSwitchKernel, defaultKernelOf, othersIn, removeCopy, switchKernel } from "../jupyter_page.js";
import { LABELS } from "../labels.js";

const KERNEL_PREFIX = "pkgwidgets-"; // how the names of the kernels of copies begin

/**
 * Returns the kernel to return to, or "" if none is known.
 *
 * @param {{ name: string, kernel: string }} copy
 * @param {string} fallback the page's default kernel
 */
export function wayBack({ name, kernel }, fallback) {
  return [kernel, fallback].find((known) => known && known !== `${KERNEL_PREFIX}${name}`) ?? "";
}

/**
 * Returns the question before a copy is thrown away; `kernel` is where the notebook goes, "" if the page cannot change it.
 *
 * @param {string} name
 * @param {string} kernel
 */
export function leaveText(name, kernel) {
  if (!kernel) return `Choose another kernel for this notebook. Then remove the copy in a cell, service.remove_environment("${name}"), or in a terminal: pkgwidgets remove-copy ${name}`;
  return `The notebook goes back to the kernel ${kernel}, and its variables are lost. The copy and its kernel are deleted.`;
}

/**
 * Returns why a copy cannot be thrown away, or "": `others` also run in it.
 *
 * @param {string[]} others
 */
export function usedText(others) {
  if (!others.length) return "";
  const last = others.at(-1);
  const names = others.length > 1 ? `${others.slice(0, -1).join(", ")} and ${last}` : last;
  return `The copy stays, because ${names} ${others.length > 1 ? "run" : "runs"} in it, too. Choose another kernel for other notebooks, or end other programs, before you throw it away.`;
}

/**
 * Makes the parts; `show` fills them from the header of the list.
 *
 * @param {Model} model
 */
export function makeCopyMark(model) {
  const shared = h("p", { className: "pkgw-note" });
  const copy = button(LABELS.makeCopy, { onclick: () => model.send({ type: "copy" }) });
  const offer = h("div", { className: "pkgw-row pkgw-filter" }, copy);
  const text = h("span", null);
  const keep = button(LABELS.keep, { className: "pkgw-quiet", onclick: () => model.send({ type: "keep" }) });
  const leave = button(LABELS.throwAway, { className: "pkgw-quiet", onclick: ask });
  const mark = h("div", { className: "pkgw-note", role: "group", ariaLabel: "This environment is a copy" }, text, " ", keep, leave);
  const question = h("p", { role: "status" });
  const sure = button(LABELS.throwAwayNow, { className: "pkgw-main", onclick: throwAway });
  const cancel = button(LABELS.cancel, { onclick: close });
  const asked = h("div", { className: "pkgw-note pkgw-question", role: "group", ariaLabel: "Throw the copy away?", hidden: true, onkeydown: onKey }, question, h("div", { className: "pkgw-row" }, cancel, sure));
  const node = h("div", null, shared, offer, mark, asked);
  let header = {};

  function show(next) {
    header = next;
    const { refusal = "", shared: owner = "", copy: of = {} } = header;
    setText(shared, owner);
    offer.hidden = !refusal && !owner;
    mark.hidden = !of.name;
    setText(text, of.text ?? "");
    keep.hidden = leave.hidden = Boolean(of.kept);
    if (mark.hidden || of.kept) asked.hidden = true;
  }

  const target = () => (canSwitchKernel(model) ? wayBack(header.copy, defaultKernelOf(model)) : "");

  // Before this notebook leaves its kernel: then its variables are lost for nothing if the copy must stay.
  async function ask() {
    const { name } = header.copy;
    const kernel = target();
    setText(question, leaveText(name, kernel));
    sure.hidden = !kernel;
    sure.disabled = true;
    cancel.disabled = false;
    asked.hidden = false;
    cancel.focus({ preventScroll: true });
    asked.scrollIntoView({ block: "nearest" });
    if (!kernel) return;
    const used = usedText(await othersIn(model, name, kernel).catch(() => [])); // else the removal says what is wrong
    sure.disabled = false;
    sure.hidden = Boolean(used);
    if (used) setText(question, used);
  }

  function close() {
    asked.hidden = true;
    leave.focus({ preventScroll: true });
  }

  // The kernel goes first: an environment is not deleted while the notebook works in it.
  async function throwAway() {
    const { name } = header.copy;
    const kernel = target();
    sure.disabled = cancel.disabled = true;
    setText(question, "Switching the kernel…");
    try {
      await switchKernel(model, kernel);
      await removeCopy(model, name, kernel);
      asked.hidden = true;
    } catch (error) {
      const reason = `The copy stays: ${error instanceof Error ? error.message : error} Remove it in a terminal: pkgwidgets remove-copy ${name}`;
      setText(question, reason);
      cancel.disabled = false;
      if (!node.isConnected) globalThis.alert?.(reason); // the panel of the old kernel has gone
    }
  }

  function onKey(event) {
    if (event.key !== "Escape") return;
    event.preventDefault();
    close();
  }

  return { node, show };
}
