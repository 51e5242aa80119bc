// @ts-check
// The other side of the table: its rows and its header, from the server.

/** @import {Server} from "./server.js" */
import { safetySide } from "./safety_side.js";
import { asRefusal } from "./server.js";

const POLL_MILLISECONDS = 4_000; // while the page is visible
const CHECKING = "checking for updates…";

const keyOfRow = ({ id, name }) => id ?? name;

export const changedRows = (before, after) => {
  const known = new Map(before.map((row) => [keyOfRow(row), JSON.stringify(row)]));
  return after.filter((row) => known.get(keyOfRow(row)) !== JSON.stringify(row));
};

/**
 * Returns rows with what the last check found for those that have the same version still.
 *
 * @param {any[]} known
 * @param {any[]} rows
 */
export function withAnswers(known, rows) {
  const answers = new Map(known.map((row) => [keyOfRow(row), row]));
  const isSame = (answer, { version, status }) => answer && answer.version === version && answer.status === status;
  return rows.map((row) => (isSame(answers.get(keyOfRow(row)), row) ? answers.get(keyOfRow(row)) : row));
}

const sameIds = (before, after) => before.length === after.length && before.every((row, i) => keyOfRow(row) === keyOfRow(after[i]));

/**
 * @param {Server} server
 * @param {any} model the table's
 * @param {{ onRunning: (running: { id: string, title: string }) => void, onListed: () => void, onOutdated?: () => void, isBusy: () => boolean }} panel `onOutdated`: others changed the packages since the last list
 */
export function listSide(server, model, { onRunning, onListed, onOutdated = () => {}, isBusy }) {
  /** @type {AbortController | null} */
  let current = null;
  /** @type {Promise<any>} */
  let running = Promise.resolve(); // until the newest request is answered
  let isWanted = false; // whether a check was requested
  let installed = ""; // a digest of what is installed
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const setHeader = (fields) => model.set("header", { ...model.get("header"), ...fields });

  function showRows(rows) {
    const before = model.get("rows");
    const revision = model.get("revision") + 1;
    if (!sameIds(before, rows)) return model.set({ rows, revision });
    const changed = changedRows(before, rows);
    if (!changed.length) return;
    model.set({ rows, revision }, undefined, { silent: true });
    model.tell({ type: "patch", rows: changed, revision });
  }

  function showAnswer({ header, labels, rows, running: change, holds = {}, holds_notice: unreadable = "", ...answer }) {
    ({ installed } = answer);
    model.set({ labels, holds });
    setHeader({ ...(isBusy() ? {} : { changing: "" }), ...header, holds: unreadable });
    showRows(rows);
    if (change) onRunning(change);
  }

  // Only the newest request counts: an older one is ended.
  async function request(query, busy) {
    current?.abort();
    const mine = (current = new AbortController());
    if (busy) setHeader({ busy });
    const asked = server.get("packages", query, mine.signal);
    running = asked.catch(() => {});
    try {
      const answer = await asked;
      return mine === current ? answer : null;
    } catch (error) {
      if (mine === current && !mine.signal.aborted && !server.isEnded()) setHeader({ busy: "", changing: "", notice: asRefusal(error).message });
      return null;
    }
  }

  // Made for these rows: for others it does not count.
  async function loadOffers() {
    const { revision, offers, header } = { revision: model.get("revision"), offers: model.get("offers"), header: model.get("header") };
    const hasAnswers = model.get("rows").some((row) => row.latest); // an index that is down is not asked more
    if (offers?.revision === revision || header.refusal || !hasAnswers) return;
    const answer = await server.get("offers").catch(() => null);
    if (answer && !server.isEnded()) model.set("offers", { ...answer, revision });
  }

  // What is installed is known at once, before the index has answered.
  async function list() {
    const answer = await request({}, "reading the packages…");
    if (!answer) return false;
    const header = isWanted ? { ...answer.header, busy: CHECKING } : answer.header;
    showAnswer({ ...answer, header, rows: withAnswers(model.get("rows"), answer.rows) });
    onListed();
    return true;
  }

  async function check(fresh = false) {
    isWanted = true;
    const answer = await request({ check_updates: true, refresh: fresh }, CHECKING);
    if (!answer) return;
    showAnswer({ ...answer, header: { ...answer.header, checked: new Date().toISOString() } });
    onListed();
    loadOffers();
    await marks.load();
  }

  // After a check that runs: it would be ended by another request.
  async function retry(name) {
    for (let last; last !== running;) await (last = running);
    if (server.isEnded()) return;
    const answer = await request({ name, check_updates: true, refresh: true }, CHECKING);
    if (!answer) return;
    const news = new Map(answer.rows.map((row) => [keyOfRow(row), row]));
    setHeader({ busy: "" });
    showRows(model.get("rows").map((row) => news.get(keyOfRow(row)) ?? row));
    loadOffers();
  }

  async function dismiss(name) {
    try {
      await server.remove(`packages/${encodeURIComponent(name)}/note`);
      await refresh();
    } catch (error) {
      if (!server.isEnded()) setHeader({ notice: asRefusal(error).message });
    }
  }

  async function keepCopy() {
    try {
      await server.put("copy", { kept: true });
      await refresh();
    } catch (error) {
      if (!server.isEnded()) setHeader({ notice: asRefusal(error).message });
    }
  }

  const marks = safetySide(server, model, { setHeader, refresh: () => refresh() });

  async function loadDetail(id) {
    const tell = (fields) => model.tell({ type: "detail", id, ...fields });
    try {
      const { detail } = await server.get(`packages/${encodeURIComponent(id)}`);
      tell(detail);
      if (!detail.changeable) return;
      const { versions } = await server.get("versions", { name: id });
      tell({ versions, failed: "" });
      const published = await server.get(`packages/${encodeURIComponent(id)}/publisher`).catch(() => null); // the versions stay
      if (published) tell(published.detail);
    } catch (error) {
      if (!server.isEnded()) tell({ failed: asRefusal(error).message });
    }
  }

  // A running change reports itself.
  async function look() {
    if (document.visibilityState === "hidden" || isBusy() || model.get("header").busy) return;
    const state = await server.get("state").catch(() => null);
    if (!state || server.isEnded() || isBusy()) return;
    if (state.running) onRunning(state.running);
    else if (state.installed !== installed) {
      onOutdated();
      await refresh();
    }
  }

  async function keepLooking() {
    await look();
    if (!server.isEnded()) timer = setTimeout(keepLooking, POLL_MILLISECONDS);
  }

  async function refresh() {
    if ((await list()) && isWanted) await check();
  }

  return {
    /** Lists, checks with the index's cached answers, and from then on notices what others change. */
    async open() {
      isWanted = true;
      await refresh();
      await keepLooking();
    },
    refresh,
    look,
    /** While a change is under way, no number of packages is known. */
    showChanging: (changing) => setHeader({ changing, where: model.get("header").place ?? "" }),
    notify: (notice) => setHeader({ notice }),
    answer(message) {
      if (message.type === "check") check(true);
      if (message.type === "retry") retry(message.names[0]);
      if (message.type === "dismiss") dismiss(message.names[0]);
      if (message.type === "keep") keepCopy();
      if (message.type === "hold") marks.hold(message);
      if (message.type === "unhold") marks.unhold(message);
      if (message.type === "detail") loadDetail(message.id);
      if (message.type === "opened" && message.revision !== model.get("revision")) model.tell({ type: "all", rows: model.get("rows"), revision: model.get("revision") });
    },
    end: () => clearTimeout(timer),
  };
}
