// @ts-check
// The other side of the progress view: a change that is applied, followed to its end.

/** @import {Server} from "./server.js" */
import { asRefusal, Refusal } from "./server.js";

const RETRY_MILLISECONDS = [500, 1_000, 2_000, 5_000]; // after a lost connection; the last one again and again

const failedOutcome = (text) => ({ kind: "bad", text, word: "", loaded: "", details: [], undo: "", undo_id: "" });

/**
 * Returns a task with a message of the stream: of its log only the news are sent.
 *
 * @param {any} task
 * @param {any} message
 */
export function nextTask(task, { lines = [], log, ...fields }) {
  return { ...task, ...fields, title: task.title || fields.title, log: log ?? [...(task.log ?? []), ...lines] };
}

/**
 * @param {Server} server
 * @param {any} model the progress view's
 * @param {{ onStarted?: (title: string) => void, onFinished: () => void, onRefused?: (without: string[]) => void, wait?: (milliseconds: number) => Promise<void> }} panel
 */
export function taskSide(server, model, { onStarted = () => {}, onFinished, onRefused = () => {}, wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)) }) {
  let followedId = "";
  let isRunning = false;
  let isOwn = true; // false for a change that another session began

  function begin(title) {
    isRunning = true;
    isOwn = true;
    onStarted(title);
    model.set({ task: { title, text: "", stages: [], stage: "", log: [], running: true, cancellable: false, outcome: null }, question: {} });
  }

  function end(task) {
    isRunning = false;
    followedId = "";
    model.set("task", { ...task, running: false, cancellable: false });
    onFinished();
    if (isOwn && task.outcome?.without) onRefused(task.outcome.without);
  }

  const fail = (error) => end({ ...model.get("task"), outcome: failedOutcome(asRefusal(error).message) });

  // The change goes on without the page: a lost connection is made again, and the stream begins anew.
  async function follow(id, title) {
    followedId = id;
    for (let lost = 0; !server.isEnded(); lost += 1) {
      let task = { title, log: [] };
      let isOver = false;
      try {
        await server.follow(`transactions/${encodeURIComponent(id)}`, ({ type, data }) => {
          lost = 0;
          task = nextTask(task, data);
          isOver = type === "end";
          if (!isOver) model.set("task", task);
        });
        if (isOver) return end(task);
      } catch (error) {
        if (server.isEnded()) return;
        if (!(error instanceof Refusal) || error.code) return fail(error);
      }
      model.set("task", { ...model.get("task"), text: "The server does not answer. Trying again…" });
      await wait(RETRY_MILLISECONDS[Math.min(lost, RETRY_MILLISECONDS.length - 1)]);
    }
  }

  async function start(path, title) {
    begin(title);
    try {
      const answer = await server.post(path);
      if (!answer.id) return end({ ...model.get("task"), outcome: null });
      await follow(answer.id, answer.title || title);
    } catch (error) {
      if (!server.isEnded()) fail(error);
    }
  }

  async function cancel() {
    if (!followedId) return;
    try {
      await server.remove(`transactions/${encodeURIComponent(followedId)}`);
    } catch (error) {
      if (isRunning) model.set("task", { ...model.get("task"), text: asRefusal(error).message }); // too late: the end of the stream tells what is now
    }
  }

  return {
    isRunning: () => isRunning,
    start,
    /** Shows a change that another session began. */
    join(id, title) {
      if (isRunning) return;
      begin(title);
      isOwn = false;
      follow(id, title);
    },
    close: () => isRunning || model.set({ task: {}, question: {} }),
    answer({ type, id }) {
      if (type === "cancel") cancel();
      if (type === "close") this.close();
      if (type === "undo" && !isRunning) start(`transactions/${encodeURIComponent(id)}/undo`, "");
      if (type === "variables") model.set("question", { unknown: true, asked: Date.now() });
    },
  };
}
