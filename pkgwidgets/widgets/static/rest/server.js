// @ts-check
// Requests to the server's REST API, for one kernel or one kernel specification.

import { readEvents } from "./event_stream.js";

const GONE_CODES = new Set(["kernel-not-found", "kernel-elsewhere"]); // then its specification still tells the environment
const LOST_TEXT = "The server does not answer.";

/** Why a request has no answer; `answer` is the body of the response, if there was one. */
export class Refusal extends Error {
  /**
   * @param {string} message
   * @param {any} [answer]
   */
  constructor(message, answer = {}) {
    super(message);
    this.answer = answer;
    this.code = answer.error?.code ?? "";
  }
}

/**
 * Returns why something failed; anything but a refusal is a mistake of the panel.
 *
 * @param {unknown} error
 */
export const asRefusal = (error) => (error instanceof Refusal ? error : new Refusal(`Unexpected error: ${error}.`));

/**
 * Where the server is, whose environment is shown, and how requests prove who asks: by a token, else by the cookies of the page.
 *
 * @typedef {object} Place
 * @property {string} baseUrl the server's base address, such as "/user/ada/"
 * @property {string} [token]
 * @property {Record<string, string>} [headers] more headers of each request
 * @property {string} [kernelId] a running kernel; it goes before `kernelspec`
 * @property {string} [kernelspec]
 * @property {typeof fetch} [fetch]
 */

/**
 * Returns the headers that prove who asks. A cookie alone does not: a page of another site has it, too.
 *
 * @param {string} [token]
 */
export function proofHeaders(token) {
  const xsrf = /(?:^|; )_xsrf=([^;]*)/.exec(globalThis.document?.cookie ?? "")?.[1];
  return { ...(token ? { Authorization: `token ${token}` } : {}), ...(xsrf ? { "X-XSRFToken": xsrf } : {}) };
}

async function readAnswer(response) {
  const answer = await response.json().catch(() => ({}));
  if (response.ok && answer.success) return answer;
  const { message, hint } = answer.error ?? {};
  throw new Refusal([message ?? `The server answered ${response.status}.`, hint].filter(Boolean).join(" "), answer);
}

/** @param {Place} place */
export function createServer(place) {
  const { baseUrl, token = "", headers = {}, fetch: ask = globalThis.fetch } = place;
  const { kernelspec = "" } = place;
  let { kernelId = "" } = place;
  const life = new AbortController();

  function urlOf(path, query = {}) {
    const url = new URL(path, new URL(baseUrl, globalThis.location?.href));
    for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, String(value));
    if (kernelId) url.searchParams.set("kernel", kernelId);
    else if (kernelspec) url.searchParams.set("kernelspec", kernelspec);
    return url.href;
  }

  /**
   * @param {string} method
   * @param {string} url
   * @param {{ body?: object, signal?: AbortSignal, more?: Record<string, string> }} [options]
   */
  async function fetchFrom(method, url, { body, signal, more = {} } = {}) {
    const signals = [life.signal, ...(signal ? [signal] : [])];
    const ended = AbortSignal.any(signals);
    /** @type {Record<string, string>} */
    const sent = { ...proofHeaders(token), ...headers, ...more };
    if (body) sent["Content-Type"] = "application/json";
    ended.throwIfAborted();
    try {
      return await ask(url, { method, body: body && JSON.stringify(body), headers: sent, credentials: "same-origin", cache: "no-store", signal: ended });
    } catch (error) {
      if (ended.aborted) throw error;
      throw new Refusal(LOST_TEXT);
    }
  }

  // A kernel that is gone is asked about once: from then on its specification stands for it.
  async function answerOf(method, path, { query = {}, ...options }) {
    const request = async () => readAnswer(await fetchFrom(method, urlOf(`pkgwidgets/views/${path}`, query), options));
    try {
      return await request();
    } catch (error) {
      if (!GONE_CODES.has(asRefusal(error).code) || !kernelId || !kernelspec) throw error;
      kernelId = "";
      return request();
    }
  }

  return {
    /** Returns the answer of a route below `pkgwidgets/views/`. */
    get: async (path, query = {}, /** @type {AbortSignal | undefined} */ signal = undefined) => answerOf("GET", path, { query, signal }),

    post: async (path, body = {}, /** @type {AbortSignal | undefined} */ signal = undefined) => answerOf("POST", path, { body, signal }),

    put: async (path, body = {}) => answerOf("PUT", path, { body }),

    remove: async (path, body = {}) => answerOf("DELETE", path, { body }),

    /** Calls `onEvent` for each event of a stream, until it ends. */
    async follow(path, onEvent) {
      const response = await fetchFrom("GET", urlOf(`pkgwidgets/views/${path}`), { more: { Accept: "text/event-stream" } });
      if (!response.ok || !response.body) return readAnswer(response);
      try {
        return await readEvents(response.body, onEvent);
      } catch (error) {
        if (life.signal.aborted) throw error;
        throw new Refusal(LOST_TEXT);
      }
    },

    /** Restarts the kernel, as the server's own API does. */
    async restartKernel() {
      const url = new URL(`api/kernels/${encodeURIComponent(kernelId)}/restart`, new URL(baseUrl, globalThis.location?.href)).href;
      const response = await fetchFrom("POST", url);
      if (!response.ok) throw new Refusal(`The server answered ${response.status}.`);
    },

    /** Ends all requests. */
    end: () => life.abort(),
    isEnded: () => life.signal.aborted,
  };
}

/** @typedef {ReturnType<typeof createServer>} Server */
