// @ts-check
// Modules that JupyterLab shares: its tokens and classes work only if they are the application's own.

/** @typedef {{ get: () => Promise<() => any>, loaded?: number | boolean }} SharedVersion */

const numbers = (version) => version.split(/[.+-]/, 3).map(Number);

function compareNumbers(left, right) {
  const [a, b] = [numbers(left), numbers(right)];
  const place = a.findIndex((number, index) => number !== b[index]);
  return place < 0 ? 0 : a[place] - b[place];
}

/**
 * Returns the version that the application uses: the loaded one, else the newest.
 *
 * @param {Record<string, SharedVersion>} versions
 */
export function usedVersion(versions) {
  const newestFirst = Object.keys(versions).toSorted((a, b) => compareNumbers(b, a));
  return newestFirst.find((version) => versions[version].loaded) ?? newestFirst[0];
}

/**
 * Returns the exports of a shared module.
 *
 * @param {Record<string, Record<string, SharedVersion>>} scope webpack's share scope
 * @param {string} name
 */
export async function loadShared(scope, name) {
  const versions = scope[name];
  if (!versions) throw new Error(`this JupyterLab does not share ${name}`);
  const factory = await versions[usedVersion(versions)].get();
  return factory();
}
