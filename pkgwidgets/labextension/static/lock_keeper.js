// @ts-check
// Keeps the lock of an open notebook up to date, if the notebook says so: after each committed change, through its document.

import { asFields, isLockKept, KEY, lockMetadata } from "./lock_watcher.js";

const LOOK_MILLISECONDS = 4_000; // the server reads its cache

/** Returns the metadata of a notebook with a new lock; all else is unchanged. */
export const withLock = (metadata, lock) => ({ ...asFields(metadata), lock });

/** Returns the metadata of a notebook that says whether its lock is kept up to date. */
export function withKeeping(metadata, isKept) {
  const fields = { ...asFields(metadata), keep_lock: true };
  if (!isKept) delete fields.keep_lock;
  return fields;
}

/** Returns whether two locks have the same packages; when they were saved does not count. */
export function isSameLock(one, other) {
  const content = (lock) => JSON.stringify({ ...asFields(lock), saved: "" });
  return content(one) === content(other);
}

/**
 * Writes a lock into the open document. The file is saved only if it had no other changes: those the user saves.
 *
 * @param {any} context the document's
 * @param {any} lock
 */
export async function renewLock(context, lock) {
  const metadata = lockMetadata(context);
  if (isSameLock(metadata?.lock, lock)) return;
  const wasDirty = context.model.dirty;
  context.model.sharedModel.setMetadata(KEY, withLock(metadata, lock));
  if (!wasDirty && context.contentsModel?.writable !== false) await context.save();
}

/**
 * Starts to keep the lock of a notebook; `look` looks at once, `end` ends it.
 *
 * @param {{ context: any, ask: (work: (server: any) => Promise<any>) => Promise<any>, onRenewed?: () => void, milliseconds?: number, isHidden?: () => boolean }} of
 */
export function keepLock({ context, ask, onRenewed = () => {}, milliseconds = LOOK_MILLISECONDS, isHidden = () => document.visibilityState === "hidden" }) {
  /** @type {any} */
  let known = null; // the state that the lock has, or that was there before this began
  let isLooking = false;
  let hasEnded = false;

  const isOver = () => hasEnded || context.isDisposed || !isLockKept(lockMetadata(context));

  async function look() {
    if (isLooking || isHidden() || isOver()) return;
    isLooking = true;
    try {
      const state = await ask((server) => server.get("state"));
      if (!state || state.running || isOver()) return;
      // Another kernel's environment is no change: the lock stays until something changes there.
      if (known?.environment !== state.environment || known.committed === state.committed) {
        known = state;
        return;
      }
      const answer = await ask((server) => server.get("lock"));
      if (!answer || isOver()) return;
      await renewLock(context, answer.lock);
      known = state;
      onRenewed();
    } finally {
      isLooking = false;
    }
  }

  const timer = setInterval(look, milliseconds);
  look();
  return {
    look,
    end() {
      hasEnded = true;
      clearInterval(timer);
    },
  };
}
