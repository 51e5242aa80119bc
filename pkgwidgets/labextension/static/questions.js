// @ts-check
// Questions of agents to the user: may this plan be applied? The server's events say that there is one.

import { routeUrl } from "./badge.js";
import { loadShared } from "./shared.js";

const TITLE = "An agent asks";
const REFUSE = "Don’t allow";

/** Returns what asks the server about questions. */
export function questionRoutes({ baseUrl, token }, ask = fetch) {
  const headers = {
    "Content-Type": "application/json",
    ...(token ? { Authorization: `token ${token}` } : {}),
    "X-XSRFToken": /(?:^|; )_xsrf=([^;]*)/.exec(document.cookie ?? "")?.[1] ?? "",
  };
  const url = (path) => routeUrl({ baseUrl }, path);
  return {
    async open() {
      const response = await ask(url("views/questions"), { headers, credentials: "same-origin" });
      const { questions = [] } = response.ok ? await response.json() : {};
      return questions;
    },
    send: (id, body) =>
      ask(url(`views/questions/${id}`), { method: "POST", headers, credentials: "same-origin", body: JSON.stringify(body) }),
  };
}

/** Returns the body of the dialog: the question, and a list of what it is about. */
export function questionNode({ title, lines }) {
  const node = document.createElement("div");
  const heading = Object.assign(document.createElement("p"), { textContent: title });
  const list = Object.assign(document.createElement("ul"), { style: "max-height:50vh;overflow:auto" });
  for (const line of lines) list.append(Object.assign(document.createElement("li"), { textContent: line }));
  node.append(heading, list);
  return node;
}

/**
 * Returns what handles an event: it shows the question, or closes it once it has ended elsewhere.
 *
 * @param {{ open: () => Promise<any[]>, send: (id: string, body: object) => Promise<any> }} routes
 * @param {(question: any) => { attached: Promise<any>, answer: Promise<boolean | null>, close: () => void }} show
 */
export function createAsker(routes, show) {
  const shown = new Map();
  const ended = new Set();

  async function ask(question) {
    if (shown.has(question.id) || ended.has(question.id)) return;
    const dialog = show(question);
    shown.set(question.id, dialog);
    // Only now does the user see it: another dialog may have been in front.
    const isOpen = dialog.attached.then(() => routes.send(question.id, { shown: true }));
    isOpen.then((response) => response?.ok === false && dialog.close(), dialog.close);
    const answer = await dialog.answer;
    shown.delete(question.id);
    // It is null if the dialog was closed because the question has ended.
    if (answer !== null) await routes.send(question.id, { answer });
  }

  async function showOpen() {
    await Promise.all((await routes.open()).map(ask));
  }

  function onEvent({ id, state }) {
    if (state !== "ended") return showOpen();
    ended.add(id);
    shown.get(id)?.close();
    return Promise.resolve();
  }

  return { onEvent, showOpen };
}

/** Returns what handles events in this JupyterLab. */
export async function createDialogs(scope, serverSettings) {
  const [{ Dialog }, { Widget }] = await Promise.all(["@jupyterlab/apputils", "@lumino/widgets"].map((name) => loadShared(scope, name)));
  return createAsker(questionRoutes(serverSettings), (question) => {
    let hasEnded = false;
    let noteAttached;
    const attached = new Promise((resolve) => (noteAttached = resolve));
    class QuestionDialog extends Dialog {
      onAfterAttach(message) {
        super.onAfterAttach(message);
        noteAttached();
      }
    }
    const buttons = [Dialog.cancelButton({ label: REFUSE }), Dialog.warnButton({ label: question.accept })];
    const dialog = new /** @type {any} */ (QuestionDialog)({ title: TITLE, body: new Widget({ node: questionNode(question) }), buttons, defaultButton: 0 });
    const answer = dialog.launch().then(({ button }) => (hasEnded ? null : button.accept), () => null);
    const close = () => {
      hasEnded = true;
      dialog.reject(); // to dispose it would break JupyterLab's queue of dialogs
    };
    return { attached, answer, close };
  });
}
