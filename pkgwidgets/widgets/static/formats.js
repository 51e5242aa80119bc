// @ts-check
// Times, durations and counts as text. No other file formats them; the kernel sends sizes as text.

import { h } from "./dom.js";

const DAY_MINUTES = 1_440;

// Sizes in minutes. A unit is used from two of it on: "9 days" says more than "1 week".
/** @type {[string, number][]} */
const AGE_UNITS = [["years", 365 * DAY_MINUTES], ["months", 30 * DAY_MINUTES], ["weeks", 7 * DAY_MINUTES], ["days", DAY_MINUTES], ["hours", 60], ["minutes", 1]];

/**
 * Returns how long ago a time was: "3 weeks ago"; "" for 0.
 *
 * @param {number} seconds since 1970
 * @param {number} [now] the same
 */
export function agoText(seconds, now = Date.now() / 1_000) {
  if (!seconds) return "";
  const minutes = (now - seconds) / 60;
  const [unit, size] = AGE_UNITS.find(([, length]) => minutes >= 2 * length) ?? ["", 1];
  return unit ? `${Math.floor(minutes / size)} ${unit} ago` : "a moment ago";
}

/**
 * Returns the exact time in ISO 8601: "2026-04-13 12:30 UTC"; "" for 0.
 *
 * @param {number} seconds since 1970
 */
export const exactTime = (seconds) => (seconds ? `${new Date(seconds * 1_000).toISOString().slice(0, 16).replace("T", " ")} UTC` : "");

/**
 * Returns how long ago a time was, with the exact time on hover.
 *
 * @param {number} seconds since 1970
 * @param {string} [note] a text after it
 */
export function agoNode(seconds, note = "") {
  const dateTime = seconds ? new Date(seconds * 1_000).toISOString() : "";
  return h("time", { dateTime, title: exactTime(seconds) }, `${agoText(seconds)}${note}`);
}

/**
 * Returns a duration as text: "1.2 s", "30 s", "3 min"; "" if it is unknown.
 *
 * @param {number | null | undefined} seconds
 */
export function durationText(seconds) {
  if (typeof seconds !== "number" || seconds < 0) return "";
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  return seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

/**
 * Returns "1 change", "2 changes".
 *
 * @param {number} number
 * @param {string} noun
 */
export const countNoun = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

/**
 * Returns "a, b and c".
 *
 * @param {string[]} parts
 */
export const joinNames = (parts) => [parts.slice(0, -1).join(", "), ...parts.slice(-1)].filter(Boolean).join(" and ");
