// @ts-check
// Clicks reach the kernel while a cell runs. Each is sent as a widget message; `connection.js` sends it on the control channel, too, if that waits.

/** @import {Model} from "./dom.js" */

/**
 * Returns the model of a view, with messages that reach a busy kernel. Each has an id, so that the kernel handles it once.
 *
 * @param {Model} model
 * @param {HTMLElement} el
 * @param {string} part the name of the view in the panel
 * @returns {Model}
 */
export function withClicks(model, el, part) {
  if (!model.widget_manager) return model; // no kernel is on the other side
  const send = (message) => {
    const sent = { ...message, click: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` };
    model.send(sent);
    el.dispatchEvent(new CustomEvent("pkgw-click", { bubbles: true, detail: { part, message: sent } }));
  };
  return Object.create(model, { send: { value: send } });
}
