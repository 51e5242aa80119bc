// @ts-check
// Helpers for every view. Names and reasons may be hostile, so text only ever becomes text nodes.

/**
 * @typedef {import("./view_model.js").Model} Model
 * @typedef {{ model: Model, el: HTMLElement }} View
 */

/**
 * Returns a new element. Children that are false, null or "" are left out.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any> | null} [props]
 * @param {...any} children nodes or texts
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children.filter(Boolean));
  return node;
}

/**
 * @param {string} text
 * @param {Record<string, any>} [props]
 */
export const button = (text, props) => h("button", { type: "button", ...props }, text);

/** @param {string} text */
export const strong = (text) => h("strong", null, text);

/**
 * Sets the text of a node only if it changed, so that nothing flickers or is read aloud twice.
 *
 * @param {Node} node
 * @param {string} [text]
 */
export function setText(node, text = "") {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Returns the focused element of the page or the shadow root that contains a node.
 *
 * @param {Node} node
 */
export const focusedIn = (node) => /** @type {HTMLElement | null} */ (/** @type {Document | ShadowRoot} */ (node.getRootNode()).activeElement);

/**
 * Returns whether the panel may take the focus, or scroll the page: the user types nowhere else.
 *
 * @param {Node} node
 */
export function isFocusFree(node) {
  const focused = focusedIn(node);
  return !focused || focused === document.body || Boolean(focused.closest(".pkgw"));
}

/**
 * Scrolls a node into view, whole if there is room, once the page is laid out.
 *
 * @param {Element} node
 */
export const reveal = (node) => requestAnimationFrame(() => node.scrollIntoView({ block: "nearest", inline: "nearest" }));

/**
 * Calls `listener` at each change of these traits, until the returned function is called.
 *
 * @param {Model} model
 * @param {string[]} names
 * @param {() => void} listener
 */
export function listen(model, names, listener) {
  for (const name of names) model.on(`change:${name}`, listener);
  return () => names.forEach((name) => model.off(`change:${name}`, listener));
}

/**
 * Returns a button that shows and hides a node; `aria-expanded` has the state.
 *
 * @param {string} text
 * @param {HTMLElement} node
 */
export function foldButton(text, node) {
  const fold = button(text, {
    className: "pkgw-quiet pkgw-fold",
    onclick() {
      node.hidden = !node.hidden;
      fold.ariaExpanded = String(!node.hidden);
    },
  });
  node.hidden = true;
  fold.ariaExpanded = "false";
  return fold;
}

/** @param {{ version: string, note?: string, day?: string }} choice */
export const versionText = ({ version, note, day }) => [version, note, day].filter(Boolean).join(" · ");

/**
 * Copies a text to the clipboard; returns whether that worked.
 *
 * @param {string} text
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without permission or on plain http there is no clipboard, but `execCommand` still works.
    const area = h("textarea", { value: text, className: "pkgw-sr" });
    const focused = document.activeElement;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
    return copied;
  }
}
