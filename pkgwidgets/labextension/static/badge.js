// @ts-check
// The number of updates on the button: from answers that the server still has. It sends no request to the index.

/**
 * Returns the address of a route of the REST API, for the kernel or the kernel specification of a notebook.
 *
 * @param {{ baseUrl: string, kernelId?: string, kernelspec?: string }} place
 * @param {string} path
 * @param {Record<string, string>} [query]
 */
export function routeUrl({ baseUrl, kernelId, kernelspec }, path, query = {}) {
  const url = new URL(`pkgwidgets/${path}`, baseUrl);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  if (kernelId) url.searchParams.set("kernel", kernelId);
  else if (kernelspec) url.searchParams.set("kernelspec", kernelspec);
  return url.href;
}

/** @param {number} count */
export const badgeText = (count) => (count === 1 ? "1 update" : count > 1 ? `${count} updates` : "");

/**
 * Returns the number of known updates; 0 if none is known.
 *
 * @param {{ baseUrl: string, token?: string, kernelId?: string, kernelspec?: string }} place
 * @param {typeof fetch} [ask]
 */
export async function countUpdates(place, ask = fetch) {
  if (!place.kernelId && !place.kernelspec) return 0; // the server would answer for its own environment
  const { updates = [] } = await answer(place, "packages/updates", { cached: "true" }, ask);
  return updates.filter((row) => row.update_available).length;
}

/** Returns whether the server has open questions to the user; false if it does not answer. */
export const hasQuestions = async (place, ask = fetch) => ((await answer(place, "views/questions", {}, ask)).questions ?? []).length > 0;

async function answer(place, path, query, ask) {
  /** @type {Record<string, string>} */
  const headers = place.token ? { Authorization: `token ${place.token}` } : {};
  try {
    const response = await ask(routeUrl(place, path, query), { headers, credentials: "same-origin" });
    return response.ok ? await response.json() : {};
  } catch {
    return {}; // a page that opens is no place for an error
  }
}
