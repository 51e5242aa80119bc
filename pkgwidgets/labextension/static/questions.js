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
    async find(id) {
      const response = await ask(url("views/questions"), { headers, credentials: "same-origin" });
      const { questions = [] } = response.ok ? await response.json() : {};
      return questions.find((question) => question.id === id);
    },
    send: (id, body) =>
      ask(url(`views/questions/${id}`), { method: "POST", headers, credentials: "same-origin", body: JSON.stringify(body) }),
  };
}

/** Returns the body of the dialog: the question, and a list of what it is about. */
export function questionNode({ title, lines }) {
  const node = document.createElement("div");
  const heading = Object.assign(document.createElement("p"), { textContent: title });
  const list = document.createElement("ul");
  for (const line of lines) list.append(Object.assign(document.createElement("li"), { textContent: line }));
  node.append(heading, list);
  return node;
}

/**
 * Returns what handles an event: it shows the question, or closes it once it has ended elsewhere.
 *
 * @param {{ find: (id: string) => Promise<any>, send: (id: string, body: object) => Promise<any> }} routes
 * @param {(question: any) => { answer: Promise<boolean | null>, close: () => void }} show
 */
export function createAsker(routes, show) {
  const shown = new Map();
  return async function onEvent({ id, state }) {
    if (state === "ended") {
      shown.get(id)?.close();
      shown.delete(id);
      return;
    }
    const question = await routes.find(id);
    if (!question || shown.has(id)) return;
    const dialog = show(question);
    shown.set(id, dialog);
    await routes.send(id, { shown: true });
    const answer = await dialog.answer;
    shown.delete(id);
    // It is null if the dialog was closed because the question has ended.
    if (answer !== null) await routes.send(id, { answer });
  };
}

/** Returns what handles an event in this JupyterLab. */
export async function askUser(scope, serverSettings) {
  const [{ Dialog }, { Widget }] = await Promise.all(["@jupyterlab/apputils", "@lumino/widgets"].map((name) => loadShared(scope, name)));
  return createAsker(questionRoutes(serverSettings), (question) => {
    let hasEnded = false;
    const buttons = [Dialog.cancelButton({ label: REFUSE }), Dialog.warnButton({ label: question.accept })];
    const dialog = new Dialog({ title: TITLE, body: new Widget({ node: questionNode(question) }), buttons, defaultButton: 0 });
    const answer = dialog.launch().then(({ button }) => (hasEnded ? null : button.accept), () => null);
    const close = () => {
      hasEnded = true;
      dialog.dispose();
    };
    return { answer, close };
  });
}
