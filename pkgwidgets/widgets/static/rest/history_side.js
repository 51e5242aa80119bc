// @ts-check
// The other side of the history: its entries and their logs, from the server.

/** @import {Server} from "./server.js" */
import { asRefusal } from "./server.js";

/**
 * @param {Server} server
 * @param {any} model the history's
 * @param {{ onUndo: (id: string) => void, onFailure: (reason: string) => void }} panel
 */
export function historySide(server, model, { onUndo, onFailure }) {
  let isWanted = false; // closed meanwhile, an answer must not open it again

  async function open() {
    isWanted = true;
    try {
      const { entries } = await server.get("transactions");
      if (isWanted) model.set("entries", entries);
    } catch (error) {
      if (!server.isEnded()) onFailure(asRefusal(error).message);
    }
  }

  function close() {
    isWanted = false;
    model.set({ entries: null, logs: {} });
  }

  async function loadLog(id) {
    const log = await server.get(`transactions/${encodeURIComponent(id)}`).then((answer) => answer.log, (error) => asRefusal(error).message);
    if (!server.isEnded()) model.set("logs", { ...model.get("logs"), [id]: log });
  }

  return {
    open,
    refresh: () => (isWanted ? open() : undefined),
    answer({ type, id }) {
      if (type === "close") close();
      if (type === "log") loadLog(id);
      if (type === "undo") onUndo(id);
    },
  };
}
