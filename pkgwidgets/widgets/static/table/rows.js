// @ts-check
// The rows of the list as values: filter, sort and count them. Nothing here touches the page.

/** @import {Advisories, Limit} from "./safety.js" */

/**
 * A row as the kernel sends it: fields with default values are left out.
 *
 * @typedef {{ name: string, id?: string } & Partial<RowText>} SentRow
 *
 * @typedef {object} RowText
 * @property {string} version
 * @property {string} latest
 * @property {"" | "other" | "patch" | "minor" | "major"} bump the step from `version` to `latest`
 * @property {string} blocked_by
 * @property {number} released seconds since 1970, or 0
 * @property {string} status
 * @property {boolean} failed whether the last change was rolled back after a failure: the package is intact
 * @property {boolean} requested
 * @property {string} loaded
 * @property {string} origin
 * @property {string} summary
 * @property {string} error
 * @property {"" | "upgrade" | "explain" | "retry"} action
 * @property {string} label
 * @property {string} note
 * @property {"" | "other" | "patch" | "minor" | "major"} step that of the offer, where it is not `latest`
 *
 * @typedef {{ id: string, name: string, words: string, advisories: Advisories | null, limits: Limit[] } & RowText} Row
 *
 * @typedef {object} Column
 * @property {string} key
 * @property {string} title
 * @property {(row: Row) => string | number} value "" is sorted last, both ways
 * @property {1 | -1} [first] the direction of the first click
 *
 * @typedef {object} Chip
 * @property {string} title
 * @property {(row: Row) => boolean} test
 * @property {boolean} [asked] whether it needs an answer of the index
 * @property {boolean} [rare] whether it is hidden if no row matches
 */

const STEPS = ["", "other", "patch", "minor", "major"];

/** @type {Column[]} */
export const COLUMNS = [
  { key: "name", title: "Package", value: (row) => row.name },
  { key: "version", title: "Installed", value: (row) => row.version },
  // Only the kernel can compare versions: `bump` is the size of the step. The biggest comes first.
  { key: "latest", title: "Latest", value: (row) => (row.latest ? STEPS.indexOf(row.bump) : ""), first: -1 },
  { key: "blocked", title: "Blocked by", value: (row) => row.blocked_by },
  { key: "released", title: "Released", value: (row) => row.released || "", first: -1 },
];

/** @type {Chip[]} */
export const CHIPS = [
  { title: "Updates", test: (row) => Boolean(row.bump), asked: true },
  { title: "Loaded here", test: (row) => Boolean(row.loaded), rare: true },
  { title: "Requested", test: (row) => row.requested },
  { title: "Blocked", test: (row) => Boolean(row.blocked_by), asked: true },
  { title: "Advisories", test: (row) => Boolean(row.advisories), rare: true },
  { title: "Problems", test: (row) => !row.failed && (Boolean(row.error) || row.status === "error"), rare: true },
];

/**
 * The default values of a row's fields; most rows have few others.
 *
 * @type {RowText}
 */
const PLAIN = {
  version: "", latest: "", bump: "", blocked_by: "", released: 0, status: "installed", failed: false, requested: false,
  loaded: "", origin: "index", summary: "", error: "", action: "", label: "", note: "", step: "",
};

/**
 * Returns a row with the defaults added. `labels` has the default labels of the buttons, which are sent once.
 *
 * @param {SentRow} sent
 * @param {Record<string, string>} labels
 * @returns {Row}
 */
export function completeRow(sent, labels) {
  const row = { ...PLAIN, id: sent.name, words: "", advisories: null, limits: [], ...sent };
  row.label ||= labels[row.action] ?? "";
  row.words = `${row.name}\n${row.summary}`.toLowerCase();
  return row;
}

const natural = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/**
 * @param {string | number} a
 * @param {string | number} b
 */
const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : natural.compare(String(a), String(b)));

/**
 * Returns the order of rows by a column; `dir` is 1 for ascending, -1 for descending.
 *
 * @param {{ column: Column, dir: number }} sort
 */
export const rowOrder = ({ column, dir }) => (/** @type {Row} */ a, /** @type {Row} */ b) => {
  const [firstValue, secondValue] = [column.value(a) ?? "", column.value(b) ?? ""];
  const blankLast = Number(firstValue === "") - Number(secondValue === ""); // both ways
  return blankLast || dir * compare(firstValue, secondValue) || natural.compare(a.name, b.name);
};

/**
 * Returns whether a row has this lower-case text in its name or summary, and passes all tests.
 *
 * @param {Row} row
 * @param {string} text
 * @param {((row: Row) => boolean)[]} tests
 */
export const matches = (row, text, tests) => row.words.includes(text) && tests.every((test) => test(row));

/**
 * Returns the suggested version: the marked one, else the first.
 *
 * @param {{ versions?: { version: string, pick?: boolean }[] }} detail
 * @returns {string | undefined}
 */
export const suggestedVersion = ({ versions = [] }) => (versions.find(({ pick }) => pick) ?? versions[0])?.version;
