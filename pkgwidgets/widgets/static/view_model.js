// @ts-check
// What a view needs of its model. Two models have it: that of a widget, with the kernel on its other side, and that of this file.
// Behind the model of this file, other code sends requests to the server. A view never knows which model it has.

/**
 * The model of a view: fields that the other side sets, and requests to the other side.
 *
 * - A view reads fields with `get`; a field that was never set is undefined.
 * - `change:NAME` is triggered after a field has another value. All fields that are set at once are in place by then.
 * - `msg:custom` brings a message: news that is no state, such as changed rows.
 * - `send` requests something. There is no reply: the answer is a change of fields or a message, and it may never come.
 * - `set` changes a field here. `save_changes` sends the fields that were set here to the other side; the model of this file sends nothing.
 * - `widget_manager` belongs to a widget: a view works without it, and then offers less.
 *
 * @typedef {object} Model
 * @property {(name: string) => any} get
 * @property {(name: any, value?: any, options?: any) => any} set `set(name, value)` or `set(fields)`
 * @property {() => any} save_changes
 * @property {(message: any) => void} send
 * @property {(event: string, listener: (...args: any[]) => void) => any} on
 * @property {(event: string, listener: (...args: any[]) => void) => any} off
 * @property {any} [widget_manager]
 * @property {() => Promise<void>} [restart] restarts the kernel, where no widget manager can
 * @property {any} [session] JupyterLab's session of the notebook, where no widget manager has it
 * @property {import("./rest/server.js").Place} [place] where the server is, if not where the page says
 */

/**
 * Returns a model without a kernel. `answer` gets the view's requests; `tell` sends the view a message.
 *
 * @param {Record<string, any>} fields
 * @returns {Model & { answer: (message: any) => void, tell: (message: any) => void }}
 */
export function createViewModel(fields) {
  const values = { ...fields };
  /** @type {Map<string, Set<(...args: any[]) => void>>} */
  const listeners = new Map();
  // A copy: a listener may remove itself or add others.
  const trigger = (event, ...args) => [...(listeners.get(event) ?? [])].forEach((listener) => listener(...args));

  const model = {
    answer: (_message) => {},
    get: (name) => values[name],
    set(name, value, { silent = false } = {}) {
      const given = typeof name === "string" ? { [name]: value } : name;
      const changed = Object.keys(given).filter((key) => values[key] !== given[key]);
      Object.assign(values, given);
      if (!silent) for (const key of changed) trigger(`change:${key}`, model, values[key]);
    },
    save_changes() {},
    // Later, as a kernel answers: a view may send while it is being rendered.
    send: (message) => queueMicrotask(() => model.answer(message)),
    on(event, listener) {
      if (!listeners.has(event)) listeners.set(event, new Set());
      listeners.get(event)?.add(listener);
    },
    off: (event, listener) => listeners.get(event)?.delete(listener),
    tell: (message) => trigger("msg:custom", message),
  };
  return model;
}
