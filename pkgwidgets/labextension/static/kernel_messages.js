// @ts-check
// Messages to a kernel that JupyterLab's own calls cannot send in every version: requests to a subshell, and for one.
// https://jupyter.org/enhancement-proposals/91-kernel-subshells/kernel-subshells.html

const OWN = "pkgwidgets-"; // the start of the ids of these messages
const FEATURE = "kernel subshells";
const INFO_MILLISECONDS = 1_500; // a busy kernel does not say what it is
const START_MILLISECONDS = 20_000; // one that starts will
const STARTING = new Set(["starting", "restarting", "autorestarting"]);
const CONTROL_MILLISECONDS = 3_000; // its control channel answers while a cell runs

/**
 * Returns what a promise gives, or undefined if it gives nothing in time.
 *
 * @param {number} milliseconds
 * @param {Promise<any>} promise
 */
export function within(milliseconds, promise) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  return Promise.race([promise.catch(() => undefined), late]).finally(() => clearTimeout(timer));
}

/** Returns a message in JupyterLab's form. */
export function createMessage(kernel, channel, type, content, subshell = "") {
  const header = { date: new Date().toISOString(), msg_id: `${OWN}${crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`}`, msg_type: type };
  Object.assign(header, { session: kernel.clientId, username: kernel.username, version: "5.2" });
  if (subshell) Object.assign(header, { subshell_id: subshell });
  return { buffers: [], channel, content, header, metadata: {}, parent_header: {} };
}

/** Returns whether a message of the kernel answers one that was made here, not a cell. */
export const isOwn = ({ parent_header: parent }) => Boolean(parent?.msg_id?.startsWith(OWN));

async function askControl(kernel, type, content = {}) {
  const future = kernel.sendControlMessage(createMessage(kernel, "control", type, content), true);
  const reply = await within(CONTROL_MILLISECONDS, future.done);
  return reply?.content?.status === "ok" ? reply.content : null;
}

/**
 * Returns the id of a subshell of the kernel; "" if the kernel has none. It is made once and kept: the panel lives in it.
 *
 * @param {any} kernel
 * @param {{ getItem: (key: string) => string | null, setItem: (key: string, value: string) => void }} memory survives a reload of the page
 */
export async function findSubshell(kernel, memory) {
  const info = await within(STARTING.has(kernel.status) ? START_MILLISECONDS : INFO_MILLISECONDS, kernel.info);
  if (info && !info.supported_features?.includes(FEATURE)) return "";
  const key = `pkgwidgets-subshell-${kernel.id}`;
  const known = memory.getItem(key);
  if (known && (await askControl(kernel, "list_subshell_request"))?.subshell_id.includes(known)) return known;
  const made = (await askControl(kernel, "create_subshell_request"))?.subshell_id ?? "";
  if (made) memory.setItem(key, made);
  return made;
}

/** Runs code that leaves no trace in the notebook's history; returns the future of its reply. */
export function execute(kernel, code, subshell) {
  const content = { code, silent: false, store_history: false, user_expressions: {}, allow_stdin: false, stop_on_error: false };
  return kernel.sendShellMessage(createMessage(kernel, "shell", "execute_request", content, subshell), true, false);
}
