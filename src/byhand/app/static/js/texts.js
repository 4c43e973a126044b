// The page's texts in the visitor's language: t("draw.clear"), and data-text="draw.clear" in HTML.

export const LANGUAGES = { en: "English", zh: "中文" };
const KEPT = "byhand-language";

let texts = {};
let language = "en";
const listeners = new Set();

/** The text with this key; {name} in it is replaced by values.name. */
export function t(key, values = {}) {
  const text = texts[key];
  if (text === undefined) {
    console.error(`there is no text ${key} in ${language}`);
    return key;
  }
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export function current() {
  return language;
}

/** Call `listener` whenever the language changes. */
export function onLanguage(listener) {
  listeners.add(listener);
}

/** Choose the language: the one kept, else the browser's first that there is. */
export async function begin() {
  const kept = localStorage.getItem(KEPT);
  const wished = [kept, ...navigator.languages].map((name) => (name ?? "").slice(0, 2));
  await speak(wished.find((name) => name in LANGUAGES) ?? "en");
}

export async function speak(name) {
  const answer = await fetch(`texts/${name}.json`);
  texts = await answer.json();
  language = name;
  document.documentElement.lang = name === "zh" ? "zh-CN" : name;
  translate(document);
  for (const listener of listeners) listener();
}

/** Speak it from now on, also next time. */
export async function choose(name) {
  localStorage.setItem(KEPT, name);
  await speak(name);
}

/** Fill every data-text, and the aria-label and title of every data-label, below `root`. */
export function translate(root) {
  for (const element of root.querySelectorAll("[data-text]")) {
    element.textContent = t(element.dataset.text);
  }
  for (const element of root.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", t(element.dataset.label));
    if (element.matches("button")) element.title = t(element.dataset.label);
  }
}

/** A number as the language writes it. */
export function number(value, digits = 0) {
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value.toLocaleString(document.documentElement.lang, options);
}

export function percent(share, digits = 1) {
  return `${number(100 * share, digits)} %`;
}

/** A part of an address as people read it; as it stands where its bytes are no text. */
export function readable(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
