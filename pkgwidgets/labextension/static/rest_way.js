// @ts-check
// The same views over the server's REST API, for a kernel that cannot show the panel.

const NOTES = {
  none: "No kernel runs. These are the packages that a new one has.",
  dead: "The kernel is not running. These are the packages that a new one has.",
  busy: "The kernel is busy. The server shows its packages.",
  missing: "pkgwidgets is not installed in this kernel's environment. The server shows its packages.",
};

/** @param {string} reason */
export const noteOf = (reason) => NOTES[reason] ?? "";

const loadViews = () => import(new URL("./views/rest_panel.js", import.meta.url).href);

/**
 * Shows the views in `element`; returns what ends them.
 *
 * @param {HTMLElement} element
 * @param {{ baseUrl: string, token?: string, kernelId?: string, kernelspec?: string, restart?: () => Promise<void>, session?: any }} place
 * @param {string} reason
 * @param {() => Promise<any>} [load]
 */
export async function showRestPanel(element, place, reason, load = loadViews) {
  // A kernel that has ended has no process to find its environment by.
  const kernelId = reason === "dead" || reason === "none" ? undefined : place.kernelId;
  const { openRestPanel } = await load();
  return openRestPanel(element, { ...place, kernelId, kernelspec: kernelId ? undefined : place.kernelspec });
}
