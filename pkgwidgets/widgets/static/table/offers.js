// @ts-check
// What the list offers besides its rows: the plan for everything, and an upgrade that frees others. Plans made in the background found it.

/** @import {Model} from "../dom.js" */
/** @import {ListState} from "./list_state.js" */
/** @import {Row} from "./rows.js" */
import { button, h, setText } from "../dom.js";
import { joinNames } from "../formats.js";
import { countedLabel, LABELS } from "../labels.js";

const NONE = {};

/**
 * @typedef {object} Offers
 * @property {number} [revision] the rows for which they were found
 * @property {Record<string, string> | null} [all] the new versions of what the plan for everything upgrades, by id; null without such a plan
 * @property {{ text: string, names: string[] }[]} [unlocks]
 */

/**
 * Returns the offers for the rows that are shown; none while they may be wrong.
 *
 * @param {Offers | undefined} offers
 * @param {ListState} state
 * @param {number} revision of the rows
 * @returns {Offers}
 */
export const currentOffers = (offers, { areUpdatesKnown }, revision) => (areUpdatesKnown && offers?.revision === revision ? offers : NONE);

/**
 * Returns what an upgrade of everything does to a row beyond the row's own offer; "" if it is the same.
 *
 * @param {Row} row
 * @param {string | undefined} version the one that an upgrade of everything takes it to
 */
export function moreInAll({ action, label, latest }, version) {
  if (!version) return "";
  const own = action === "upgrade" ? label.split(" to ")[1]?.replace("…", "") ?? latest : "";
  return version === own ? "" : `${LABELS.upgradeAll.replace("…", "")} takes it to ${version}`;
}

/**
 * Returns the updates that the plan for everything leaves out, each with the reason that its row knows; "" if there are none.
 *
 * @param {Row[]} updates the rows with an update
 * @param {Offers["all"]} [all] what the plan upgrades
 */
export function leftOutText(updates, all) {
  const leftOut = all ? updates.filter(({ id }) => !all[id]) : [];
  return leftOut.length ? `Not in it: ${joinNames(leftOut.map(leftOutName))}` : "";
}

/** @param {Row} row */
function leftOutName({ name, failed, blocked_by: blockedBy, limits }) {
  const isHeld = limits.some(({ held }) => held);
  const reason = (failed && "its upgrade failed") || (isHeld && "held") || (blockedBy && `blocked by ${blockedBy}`);
  return reason ? `${name} (${reason})` : name;
}

/**
 * Returns the button that upgrades everything, a note with an upgrade that frees others, and what a plan for everything does to a row.
 *
 * @param {Model} model
 */
export function makeOffers(model) {
  const all = button("", { onclick: () => all.ariaDisabled === "true" || model.send({ type: "plan", names: null }) });
  const note = h("p", { className: "pkgw-note pkgw-unlock", role: "status" });
  /** @type {Offers} */
  let offers = NONE;

  /** @param {Offers} found */
  const unlockNodes = ({ unlocks = [] }) =>
    unlocks.flatMap(({ text, names }) => [text, " ", button(LABELS.preview, { className: "pkgw-quiet", ariaLabel: `${LABELS.preview} ${text}`, onclick: () => model.send({ type: "plan", names }) })]);

  return {
    all, note,
    versionFor: (id) => offers.all?.[id],

    /**
     * Shows the offers for these rows, and returns the ids of those for which they changed.
     *
     * @param {Row[]} rows
     * @param {ListState} state
     * @param {{ revision: number, readOnly: boolean }} options
     */
    show(rows, state, { revision, readOnly }) {
      const before = offers;
      offers = readOnly ? NONE : currentOffers(model.get("offers"), state, revision);
      // The number is that of the plan: it is shown as soon as a plan was made for these rows.
      const updates = rows.filter(({ bump }) => bump);
      const leftOut = leftOutText(updates, offers.all);
      setText(all, countedLabel(LABELS.upgradeAll, Object.keys(offers.all ?? {}).length, leftOut ? updates.length : 0));
      all.title = leftOut;
      // Not `disabled`: that would move the keyboard focus out of the panel.
      all.ariaDisabled = String(!state.areUpdatesKnown || !updates.length);
      if (before === offers) return [];
      note.replaceChildren(...unlockNodes(offers));
      return rows.map(({ id }) => id).filter((id) => before.all?.[id] !== offers.all?.[id]);
    },
  };
}
