// @ts-check
// The other side of the form that makes a copy: the server plans it and makes it, and goes on without the page.

/** @import {Server} from "./server.js" */
import { asRefusal } from "./server.js";

const LOOK_EVERY_MILLISECONDS = 500; // while a copy is being made

/**
 * @param {Server} server
 * @param {any} model the form's
 * @param {{ wait?: (milliseconds: number) => Promise<void> }} [options]
 */
export function copySide(server, model, { wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)) } = {}) {
  let planId = "";
  let runId = ""; // of the copy that is being made
  let isMaking = false; // also before the server has named it
  let isCancelled = false; // the same
  let turn = 0; // only the newest plan counts

  const update = (fields) => model.get("form").open && model.set("form", { ...model.get("form"), ...fields });
  const fail = (error) => !server.isEnded() && update({ busy: "", making: false, error: asRefusal(error).message });

  async function open() {
    if (isMaking) return;
    const answer = await server.get("copy").catch(() => null);
    if (!server.isEnded()) model.set("form", { open: true, name: answer?.name ?? "" });
  }

  async function plan(name) {
    const mine = ++turn;
    planId = "";
    model.set("form", { open: true, name, busy: "looking up what can be copied…" });
    try {
      const answer = await server.post("copies", { name });
      if (mine !== turn) return;
      planId = answer.id;
      update({ busy: "", plan: answer.plan });
    } catch (error) {
      if (mine === turn) fail(error);
    }
  }

  async function make(kernel) {
    if (!planId || isMaking) return;
    isMaking = true;
    isCancelled = false;
    update({ busy: "copying…", making: true, error: "" });
    try {
      ({ id: runId } = await server.post(`copies/${encodeURIComponent(planId)}`, kernel ? { kernel } : {}));
      planId = "";
      if (isCancelled) cancel();
      await follow();
    } catch (error) {
      fail(error);
    }
    runId = "";
    isMaking = false;
  }

  async function follow() {
    while (!server.isEnded()) {
      const answer = await look();
      if (answer && !answer.running) return update({ busy: "", making: false, error: answer.error, ...(answer.made ? { plan: null, made: answer.made } : {}) });
      update({ busy: answer ? `${answer.text}…` : "The server does not answer. Trying again…" });
      await wait(LOOK_EVERY_MILLISECONDS);
    }
  }

  // A connection that was lost is made again; an answer that there is no such copy ends it.
  async function look() {
    try {
      return await server.get(`copies/${encodeURIComponent(runId)}`);
    } catch (error) {
      if (asRefusal(error).code || server.isEnded()) throw error;
      return null;
    }
  }

  function cancel() {
    isCancelled = true;
    if (runId) server.remove(`copies/${encodeURIComponent(runId)}`).catch(() => {}); // too late: the next look tells
  }

  return {
    open,
    answer({ type, name, kernel = "" }) {
      if (type === "plan") plan(name);
      if (type === "make") make(kernel);
      if (type === "cancel") cancel();
      if (type !== "close" || isMaking) return;
      turn += 1;
      model.set("form", {});
    },
  };
}
