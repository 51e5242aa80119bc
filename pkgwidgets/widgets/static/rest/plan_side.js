// @ts-check
// The other side of the plan view and of the install form: plans from the server.

/** @import {Server} from "./server.js" */
import { asRefusal } from "./server.js";

/**
 * @param {Server} server
 * @param {any} model the plan view's
 * @param {{ onOpen: () => void, onApply: (planId: string, title: string) => void }} panel
 */
export function planSide(server, model, { onOpen, onApply }) {
  /** @type {AbortController | null} */
  let current = null;
  let progressTitle = "";
  let wider = null; // the body of a request with more packages allowed to change
  let requested = {}; // the body of the last request

  function close() {
    current?.abort();
    current = null;
    wider = null;
    model.set({ state: "hidden", plan: {}, error: "" });
  }

  /**
   * Makes a plan and shows it. `onFailure` gets the reason in place of the view, unless a wider request is offered.
   *
   * @param {object} body as `POST views/plans` takes it
   * @param {{ onFailure?: (reason: string) => void, onPlanned?: () => void, keepsTask?: boolean }} [options]
   */
  async function plan(body, { onFailure, onPlanned, keepsTask = false } = {}) {
    current?.abort();
    const mine = (current = new AbortController());
    wider = null;
    requested = body;
    if (!keepsTask) onOpen();
    const { title: shownTitle = "", minor_only: isLimited = null, project = null } = model.get("plan");
    model.set({ state: "loading", plan: { title: shownTitle, minor_only: isLimited, project }, error: "" });
    try {
      const answer = await server.post("plans", body, mine.signal);
      if (mine !== current) return;
      ({ wider, progress_title: progressTitle } = answer);
      onPlanned?.();
      model.set({ state: "ready", plan: answer.plan });
    } catch (error) {
      if (mine !== current || mine.signal.aborted || server.isEnded()) return;
      const { message, answer } = asRefusal(error);
      const { title = "", unlock = "" } = answer;
      if (onFailure && !unlock) {
        close();
        return onFailure(message);
      }
      ({ wider = null } = answer);
      model.set({ state: "failed", plan: { title, unlock, minor_only: isLimited, project }, error: message });
    }
  }

  return {
    plan,
    close,
    /** After a refused check: shows the plan without what failed, below the reason. */
    planWithout: (without) => plan({ ...requested, without }, { keepsTask: true }),
    answer({ type, id, only_minor: onlyMinor, change }) {
      if (type === "cancel") close();
      if (type === "unlock" && wider) plan(wider);
      if (type === "step") plan({ ...requested, step: onlyMinor ? "minor" : undefined });
      // The project chooses the versions, so the other limits do not apply.
      if (type === "project") plan({ ...requested, allow: undefined, step: undefined, project: change || undefined });
      if (type !== "apply" || id !== model.get("plan").id) return;
      const title = progressTitle;
      close();
      onApply(id, title);
    },
  };
}

/**
 * @param {Server} server
 * @param {any} model the install form's
 * @param {(body: object, options?: object) => void} plan
 */
export function formSide(server, model, plan) {
  const isOpen = () => Boolean(model.get("form").open);
  const update = (fields) => isOpen() && model.set("form", { ...model.get("form"), ...fields });
  const close = () => model.set("form", {});
  /** @type {string | null} */
  let asked = null; // the text whose names are being found, or the next one

  async function loadVersions(name) {
    update({ name, busy: "loading versions…", error: "", releases: null, brings: "", summary: "" });
    const isCurrent = () => model.get("form").name === name;
    try {
      const { installed, versions } = await server.get("versions", { name });
      if (isCurrent()) update({ busy: "", installed, releases: versions });
      if (installed) return;
      const { brings, summary } = await server.get("install-preview", { name });
      if (isCurrent()) update({ brings, summary });
    } catch (error) {
      if (isCurrent() && !server.isEnded()) update({ busy: "", error: asRefusal(error).message });
    }
  }

  // One request at a time: the first of a day waits for the list of the index. Then the last text counts.
  async function suggest(text) {
    if (asked !== null) {
      asked = text;
      return;
    }
    asked = text;
    let sent;
    do {
      sent = asked;
      const answer = await server.get("suggestions", { text: sent }).catch(() => null);
      if (answer) update({ suggestions: answer.names });
    } while (asked !== sent && !server.isEnded());
    asked = null;
  }

  function planTyped(name, version) {
    update({ error: "" });
    plan({ typed: name.trim(), ...(version ? { version } : {}) }, { onFailure: (error) => update({ error, busy: "" }), onPlanned: close });
  }

  return {
    async open() {
      model.set("form", { open: true });
      await suggest("");
    },
    answer({ type, name, version, text }) {
      if (type === "suggest") suggest(text);
      if (type === "close") close();
      if (type === "releases") loadVersions(name);
      if (type === "plan") planTyped(name, version);
      if (type !== "uninstall") return;
      close();
      plan({ uninstall: [name] });
    },
  };
}
