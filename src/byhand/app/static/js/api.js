// What the page asks the server for. Every error is a Problem with one sentence.

export class Problem extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

async function asked(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "");
  }
  let body = null;
  try {
    body = await answer.json();
  } catch {
    // no JSON: told by the status below
  }
  if (!answer.ok) throw new Problem(answer.status, body?.detail ?? `HTTP ${answer.status}`);
  return body;
}

export function get(path) {
  return asked(path, {});
}

/** Send JSON. With a `signal` the request can be given up. */
export function post(path, body = {}, signal = undefined) {
  return asked(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
}

/** Send a form with a file. */
export function send(path, form, signal = undefined) {
  return asked(path, { method: "POST", body: form, signal });
}

/** Follow server-sent events; give a function that ends it. The browser reconnects by itself. */
export function follow(path, seen, lost) {
  const source = new EventSource(path);
  source.onmessage = (message) => seen(JSON.parse(message.data));
  source.onerror = () => lost?.(source.readyState === EventSource.CLOSED);
  return () => source.close();
}
