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
  /** @type {Record<string, string>} */
  const headers = place.token ? { Authorization: `token ${place.token}` } : {};
  try {
    const response = await ask(routeUrl(place, "packages/updates", { cached: "true" }), { headers, credentials: "same-origin" });
    const { updates = [] } = response.ok ? await response.json() : {};
    return updates.filter((row) => row.update_available).length;
  } catch {
    return 0; // a badge is no place for an error
  }
}
