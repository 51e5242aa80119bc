// @ts-check
// The lock of the open notebook: saved through its document, compared with what is installed, and restored.

import { routeUrl } from "./badge.js";
import { withKeeping, withLock } from "./lock_keeper.js";
import { isLockKept, KEY } from "./lock_watcher.js";

const LABELS = {
  restore: "Restore…",
  saveInto: "Save into this notebook",
  keepUp: "Keep it up to date",
  save: "Save…",
};
const NO_LOCK_TEXT = "Save which versions are installed, to return to them later:";
const LOOK_MILLISECONDS = 15_000; // packages may change meanwhile; the server reads its cache
const FORMATS = ["pylock.toml", "requirements.txt"];

/**
 * Returns the requirements of a notebook's lock as a text; "" without a lock.
 *
 * @param {any} metadata the notebook's `pkgwidgets`
 */
export function lockText(metadata) {
  const lines = metadata?.lock?.requirements;
  return Array.isArray(lines) && lines.every((line) => typeof line === "string") ? lines.join("\n") : "";
}

function button(label, onClick) {
  const node = document.createElement("button");
  Object.assign(node, { type: "button", textContent: label, className: "pkgw-lock-button", onclick: onClick });
  return node;
}

function saveFile(name, text) {
  const link = document.createElement("a");
  const href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  Object.assign(link, { href, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(href));
}

/**
 * Fills `node` for one notebook; returns what ends it.
 *
 * @param {HTMLElement} node
 * @param {{ notebook: any, place: () => any, isSeen: () => boolean, restore: (text: string) => void, createServer: (place: any) => any }} of
 */
export function showNotebookLock(node, { notebook, place, isSeen, restore, createServer }) {
  const line = Object.assign(document.createElement("p"), { className: "pkgw-lock-line", hidden: true });
  line.setAttribute("role", "status");
  const back = button(LABELS.restore, () => restore(text()));
  back.hidden = true;
  back.title = "Shows the plan that returns to the versions that this notebook was saved with.";
  const into = button(LABELS.saveInto, saveIntoNotebook);
  into.title = "Saves the installed versions in the notebook, so that they can be restored.";
  const keeping = Object.assign(document.createElement("input"), { type: "checkbox", onchange: setKeeping });
  const keepLabel = Object.assign(document.createElement("label"), { className: "pkgw-lock-keep", title: "After each change of the packages, they are saved in this notebook again." });
  keepLabel.append(keeping, LABELS.keepUp);
  const format = document.createElement("select");
  format.title = "Save the installed packages as a file";
  format.setAttribute("aria-label", format.title);
  for (const name of [LABELS.save, ...FORMATS]) format.append(new Option(name, name));
  format.onchange = saveAsFile;
  node.append(line, back, into, keepLabel, format);
  const { context } = notebook;
  let isEnded = false;
  let turn = 0;
  let compared = ""; // the lock that the line speaks of

  const metadata = () => context.model?.sharedModel.getMetadata(KEY);
  const text = () => lockText(metadata());

  function say(words) {
    line.textContent = words;
    line.hidden = !words;
  }

  async function ask(work) {
    const server = createServer(place());
    try {
      return await work(server);
    } catch (error) {
      if (!isEnded) say(error instanceof Error ? error.message : `${error}`);
      return null;
    } finally {
      server.end();
    }
  }

  async function compare() {
    const mine = ++turn;
    const lock = text();
    compared = lock;
    const answer = lock ? await ask((server) => server.post("drift", { text: lock })) : { text: "" };
    if (mine !== turn || isEnded || !answer) return;
    back.hidden = !answer.text;
    say(lock ? answer.text : NO_LOCK_TEXT);
  }

  const showKeeping = () => (keeping.checked = isLockKept(metadata()));

  async function setKeeping() {
    context.model.sharedModel.setMetadata(KEY, withKeeping(metadata(), keeping.checked));
    if (keeping.checked) await saveIntoNotebook();
    else if (!context.isDisposed) await context.save();
  }

  async function saveIntoNotebook() {
    into.disabled = true;
    const answer = await ask((server) => server.get("lock"));
    into.disabled = false;
    if (!answer || isEnded || context.isDisposed) return;
    context.model.sharedModel.setMetadata(KEY, withLock(metadata(), answer.lock));
    await context.save();
    await compare();
    if (!isEnded) say(["The packages are saved in this notebook.", ...answer.notes.map((note) => `${note}.`)].join(" "));
  }

  async function saveAsFile() {
    const name = format.value;
    format.selectedIndex = 0;
    const { token } = place();
    const request = fetch(routeUrl(place(), "export", { format: name }), { headers: token ? { Authorization: `token ${token}` } : {}, credentials: "same-origin" });
    const { export: exported, error } = await request.then((response) => response.json()).catch(() => ({}));
    if (isEnded) return;
    if (!exported) return say(error?.message ?? "The server does not answer.");
    saveFile(name, exported.text);
    say(exported.notes.map((note) => `${note}.`).join(" "));
  }

  // Another page, or the keeper of the lock, may have changed it.
  function onMetadata() {
    showKeeping();
    if (text() !== compared) compare();
  }

  const timer = setInterval(() => {
    if (isSeen() && text() && document.visibilityState !== "hidden") compare();
  }, LOOK_MILLISECONDS);
  async function follow() {
    await context.ready;
    if (isEnded || context.isDisposed) return;
    showKeeping();
    context.model.sharedModel.metadataChanged?.connect(onMetadata);
    await compare();
  }
  follow();

  return {
    compare,
    end() {
      isEnded = true;
      clearInterval(timer);
      context.model?.sharedModel.metadataChanged?.disconnect(onMetadata);
      node.replaceChildren();
    },
  };
}
