// @ts-check
// Finds the open notebooks that say that their lock is kept up to date. Every page loads this; what keeps a lock is loaded for one that says so.

export const KEY = "pkgwidgets";

export const asFields = (metadata) => (metadata && typeof metadata === "object" ? metadata : {});

/** @param {any} metadata the notebook's `pkgwidgets` */
export const isLockKept = (metadata) => asFields(metadata).keep_lock === true;

/** Returns the notebook's own metadata. */
export const lockMetadata = (context) => context.model?.sharedModel.getMetadata(KEY);

const keepLock = async (of) => (await import("./lock_keeper.js")).keepLock(of);

/**
 * Keeps the locks of all open notebooks that say so, for as long as they say so.
 *
 * @param {any} tracker of notebooks
 * @param {(notebook: any) => (work: (server: any) => Promise<any>) => Promise<any>} askFor
 * @param {(of: any) => Promise<{ end: () => void }>} [keep] starts to keep one
 */
export function keepLocks(tracker, askFor, keep = keepLock) {
  async function watch(notebook) {
    const { context } = notebook;
    /** @type {Promise<{ end: () => void }> | null} */
    let keeper = null;
    await context.ready;
    if (context.isDisposed) return;
    const { sharedModel } = context.model;

    async function end() {
      const ended = keeper;
      keeper = null;
      (await ended)?.end();
    }

    function settle() {
      if (isLockKept(lockMetadata(context))) keeper ??= keep({ context, ask: askFor(notebook) });
      else end();
    }

    settle();
    sharedModel.metadataChanged?.connect(settle);
    notebook.disposed.connect(() => {
      sharedModel.metadataChanged?.disconnect(settle);
      end();
    });
  }

  tracker.forEach(watch);
  tracker.widgetAdded.connect((_, notebook) => watch(notebook));
}
