// @ts-check
// What every view is made of. Names and reasons come from strangers, so text only ever becomes text nodes.

/**
 * The kernel's side of a view, as anywidget hands it in.
 *
 * @typedef {object} Model
 * @property {(name: string) => any} get
 * @property {(message: object) => void} send
 * @property {(event: string, listener: (...args: any[]) => void) => void} on
 * @property {(event: string, listener: (...args: any[]) => void) => void} off
 * @property {any} [widget_manager]
 *
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
 * Writes only what changed, so that nothing flickers and nothing is read aloud twice.
 *
 * @param {Node} node
 * @param {string} [text]
 */
export function say(node, text = "") {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Returns what has the focus in the page, or in the shadow root, that a node is in.
 *
 * @param {Node} node
 */
export const focusedIn = (node) => /** @type {HTMLElement | null} */ (/** @type {Document | ShadowRoot} */ (node.getRootNode()).activeElement);

/**
 * Calls `what` at each change of these traits, until the function that is returned is called.
 *
 * @param {Model} model
 * @param {string[]} names
 * @param {() => void} what
 */
export function listen(model, names, what) {
  for (const name of names) model.on(`change:${name}`, what);
  return () => names.forEach((name) => model.off(`change:${name}`, what));
}

/**
 * Returns a button that shows and hides what is long; it says which of the two it did.
 *
 * @param {string} text
 * @param {HTMLElement} node
 */
export function folding(text, node) {
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
 * Puts a text on the clipboard; tells whether it could.
 *
 * @param {string} text
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No clipboard on plain http, or not allowed: the old way still works there.
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
