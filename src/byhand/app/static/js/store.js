// What the tabs share: the picture that the network sees, and the networks that there are.

import { get } from "./api.js";

const KEPT = "byhand-picture";
const listeners = new Set();

export const store = {
  /** The picture as the network sees it: Uint8Array of 28 × 28, or null. */
  seen: null,
  /** What /api/models lists. */
  models: [],
  /** The id of the network that the tabs look into. */
  model: "lenet5",
};

/** Call `listener(what)` when "seen", "models" or "model" has changed. */
export function onChange(listener) {
  listeners.add(listener);
}

export function change(what, value) {
  store[what] = value;
  if (what === "seen" && value) sessionStorage.setItem(KEPT, btoa(String.fromCharCode(...value)));
  for (const listener of listeners) listener(what);
}

export async function refreshModels() {
  const { models } = await get("api/models");
  change("models", models);
  const usable = models.filter(({ problem }) => !problem);
  if (!usable.some(({ id }) => id === store.model)) change("model", usable[0]?.id ?? "");
}

/** The drawing of before the page was loaded again, if there was one. */
export function recall() {
  const kept = sessionStorage.getItem(KEPT);
  if (!kept) return;
  const bytes = Uint8Array.from(atob(kept), (c) => c.charCodeAt(0));
  if (bytes.length === 784) store.seen = bytes;
}
