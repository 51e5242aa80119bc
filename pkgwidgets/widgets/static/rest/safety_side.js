// @ts-check
// The other side of the marks of advisories and holds in the list, from the server.

/** @import {Server} from "./server.js" */
import { asRefusal } from "./server.js";

/**
 * @param {Server} server
 * @param {any} model the table's
 * @param {{ setHeader: (fields: object) => void, refresh: () => Promise<void> }} list
 */
export function safetySide(server, model, { setHeader, refresh }) {
  let newest = 0; // only the newest answer counts

  async function load() {
    newest += 1;
    const mine = newest;
    try {
      const { advisories, notice } = await server.get("advisories");
      if (mine !== newest) return;
      model.set("advisories", advisories);
      setHeader({ advisories: notice });
    } catch (error) {
      if (mine !== newest || server.isEnded()) return;
      model.set("advisories", {}); // an old answer may be wrong now
      setHeader({ advisories: asRefusal(error).message });
    }
  }

  async function change(id, request) {
    try {
      await request();
    } catch (error) {
      if (!server.isEnded()) model.tell({ type: "hold", id, error: asRefusal(error).message });
      return;
    }
    model.tell({ type: "hold", id, error: "" });
    await refresh();
  }

  const path = (name) => `holds/${encodeURIComponent(name)}`;
  const idOf = (name) => model.get("rows").map(({ id, name: other }) => [other, id ?? other]).find(([other]) => other === name)?.[1] ?? name;

  return {
    load,
    hold: ({ names: [name], versions, reason, until }) => change(idOf(name), () => server.put(path(name), { versions, reason, ...(until ? { until } : {}) })),
    unhold: ({ names: [name], versions }) => change(idOf(name), () => server.remove(path(name), { versions })),
  };
}
