// @ts-check
// Server-sent events of a response: an `EventSource` can send neither a token nor a header.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

/**
 * Returns the event of one block of lines, or null for a comment. Data is JSON.
 *
 * @param {string} block
 */
export function parseEvent(block) {
  const fields = { event: "message", data: /** @type {string[]} */ ([]) };
  for (const line of block.split("\n")) {
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (name === "event") fields.event = value;
    if (name === "data") fields.data.push(value);
  }
  return fields.data.length ? { type: fields.event, data: JSON.parse(fields.data.join("\n")) } : null;
}

/**
 * Calls `onEvent` for each event of a stream, until it ends.
 *
 * @param {ReadableStream<Uint8Array>} stream
 * @param {(event: { type: string, data: any }) => void} onEvent
 */
export async function readEvents(stream, onEvent) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const blocks = (rest + decoder.decode(part.value, { stream: true })).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const event of blocks.map(parseEvent)) if (event) onEvent(event);
  }
}
