// Elements in one line: make("button.primary", {onclick}, "Text", child).

import { t } from "./texts.js";

/** An element of `tag.class.class` with properties, and children (elements or text). */
export function make(what, properties = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag);
  element.classList.add(...classes);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "dataset") Object.assign(element.dataset, value);
    else if (name in element && !name.includes("-")) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** An element of SVG. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** An element with a text of the page that changes with the language. */
export function translated(what, key, properties = {}) {
  return make(what, { ...properties, dataset: { text: key } }, t(key));
}

/** A labelled field: <label>text <input></label>. */
export function field(key, input) {
  return make("label.field", {}, translated("span", key), input);
}

/** A place near a form for why something was not done: `refuse(error)` fills it, null clears it. */
export function refusal() {
  const element = make("p.problem", { role: "alert", hidden: true });
  const refuse = (error) => {
    element.hidden = !error;
    element.textContent = error ? error.message || t("problem.gone") : "";
  };
  return { element, refuse };
}

/** Say a problem at the top of the page; nothing takes it away. */
export function complain(error) {
  if (error?.name === "AbortError") return;
  const place = document.getElementById("problem");
  place.hidden = !error;
  if (!error) return;
  place.textContent = error.message || t("problem.gone");
}

/** Ten bars of probabilities; `update(values, chosen)` changes them. */
export function bars(classes) {
  const rows = classes.map((name) => {
    const fill = make("span.fill");
    const share = make("span.share");
    const row = make("div.bar", {}, make("span.name", {}, name), make("span.track", {}, fill), share);
    return { row, fill, share };
  });
  const element = make("div.bars", { role: "img" }, ...rows.map(({ row }) => row));
  const update = (values, chosen = -1) => {
    values.forEach((value, i) => {
      const { row, fill, share } = rows[i];
      fill.style.setProperty("--share", `${100 * value}%`);
      share.textContent = `${(100 * value).toFixed(1)} %`;
      row.classList.toggle("chosen", i === chosen);
    });
    const order = values.map((_, i) => i).sort((a, b) => values[b] - values[a]);
    const best = order.slice(0, 3).map((i) => `${classes[i]}: ${(100 * values[i]).toFixed(1)} %`);
    element.setAttribute("aria-label", best.join(", "));
  };
  return { element, update };
}
