// Read a page: a photograph in, its digits out, with how sure the reader is of each.

import { send } from "../api.js";
import { field, make, refusal, svg, translated } from "../dom.js";
import { pictureSources } from "../sources.js";
import { number, onLanguage, percent, t } from "../texts.js";

const SURE = 0.95; // below, one digit in twenty or more is wrong: worth a second look
const WAIT = 250; // milliseconds after the last change of an option
const STEPS = {
  picture: "picture",
  straightened: "straightened",
  ink: "ink",
  lines: "lines",
  "what the network saw": "seen",
};

let file = null; // what is read, or was
let read = null; // what came of it
let busy = null; // the AbortController of the request under way
let waiting = 0;
const parts = {};
const alert = refusal();
const { refuse } = alert;

export function mount(section) {
  const sources = pictureSources(section, take, refuse);
  parts.status = make("p", { role: "status" });
  parts.busy = make("progress", { hidden: true });
  parts.result = make("div.page-result", { hidden: true });
  parts.large = make("dialog.large", { onclick: () => parts.large.close() });
  section.append(
    translated("h2", "page.title"),
    translated("p.lead", "page.intro"),
    sources.zone,
    options(),
    parts.status,
    parts.busy,
    alert.element,
    parts.result,
    sources.film,
    parts.large,
  );
  onLanguage(show);
}

// Options

function options() {
  const grids = ["", "auto", "none", "9x9", "other"];
  const names = ["any", "auto", "none", "sudoku", "other"];
  const kinds = grids.map((value, i) => translated("option", `page.grid.${names[i]}`, { value }));
  parts.grid = make("select", {}, ...kinds);
  parts.shape = make("input", { type: "text", placeholder: "4x6", pattern: "\\s*\\d+\\s*[xX×*]\\s*\\d+\\s*", autocomplete: "off" });
  const shape = field("page.grid.shape", parts.shape);
  shape.hidden = true;
  parts.digits = make("input", { type: "number", min: 1, max: 1000, step: 1 });
  parts.own = make("input", { type: "checkbox", checked: true });
  parts.threshold = make("input", { type: "range", min: 0, max: 1, step: 0.01, value: 0.5, disabled: true });
  const level = make("output");
  const changed = () => {
    shape.hidden = parts.grid.value !== "other";
    parts.threshold.disabled = parts.own.checked;
    level.textContent = parts.own.checked ? "" : number(parts.threshold.valueAsNumber, 2);
    clearTimeout(waiting);
    if (file) waiting = setTimeout(ask, WAIT);
  };
  const threshold = field("page.threshold", parts.threshold);
  threshold.append(level);
  const own = make("label.own-limit", {}, parts.own, translated("span", "page.threshold.own"));
  const fields = make("div.columns", {}, field("page.grid", parts.grid), shape, field("page.digits", parts.digits), own, threshold);
  const form = make("form", { oninput: changed, onsubmit: (event) => event.preventDefault() }, translated("p.note", "page.options.note"), fields);
  return make("details.card", {}, translated("summary", "page.options"), form);
}

function asked() {
  const form = new FormData();
  form.append("file", file, file.name || "picture.png");
  form.append("grid", parts.grid.value === "other" ? parts.shape.value.trim() : parts.grid.value);
  form.append("digits", parts.digits.value);
  form.append("threshold", parts.own.checked ? "" : parts.threshold.value);
  for (const [name, value] of Object.entries({ choices: 3, steps: 1, preview: 1 })) form.append(name, value);
  return form;
}

// Reading

function take(picture) {
  file = picture;
  read = null;
  ask();
}

/** Read the file with the options as they are; what was asked before is given up. */
async function ask() {
  clearTimeout(waiting);
  busy?.abort();
  const mine = new AbortController();
  busy = mine;
  refuse(null);
  show();
  try {
    read = await send("api/read", asked(), mine.signal);
  } catch (error) {
    if (mine !== busy) return; // a newer request shows itself
    read = null;
    refuse(error);
  }
  if (mine !== busy) return;
  busy = null;
  show();
}

/** What is told of a reading: only then is anything built. */
function show() {
  parts.busy.hidden = !busy;
  parts.busy.setAttribute("aria-label", t("page.reading", { file: "" }));
  parts.result.setAttribute("aria-busy", String(Boolean(busy)));
  parts.status.textContent = busy ? t("page.reading", { file: file.name }) : read ? summary() : "";
  parts.result.hidden = !read;
  if (!read || busy) return; // while it is read again, the older reading stays, paler
  parts.result.replaceChildren(
    make("div.columns", {}, make("div.card", {}, sheet()), make("div.card", {}, ...texts())),
    strip(),
  );
}

function allDigits() {
  return read.lines.flatMap(({ digits }) => digits);
}

function summary() {
  const digits = allDigits();
  if (!digits.length) return t("page.nothing");
  const counts = [
    t("page.found", { digits: number(digits.length), lines: number(read.grid ? read.grid.length : read.lines.length) }),
  ];
  const doubtful = digits.filter((digit) => kind(digit) === "doubtful").length;
  const rejected = digits.filter((digit) => kind(digit) === "rejected").length;
  if (doubtful) counts.push(t("page.found.doubtful", { count: number(doubtful) }));
  if (rejected) counts.push(t("page.found.rejected", { count: number(rejected) }));
  return counts.join(" ");
}

function kind({ value, confidence }) {
  if (value === null) return "rejected";
  return confidence >= SURE ? "sure" : "doubtful";
}

/** As a percentage, never rounded up to 100. */
function sureness(share) {
  return percent(Math.floor(1000 * share) / 1000);
}

function described({ value, confidence, choices }) {
  const reading = t(value === null ? "page.digit.rejected" : "page.digit", { value, confidence: sureness(confidence) });
  const others = (choices ?? []).map((choice) => `${choice.value}: ${sureness(choice.probability)}`);
  return `${reading} ${t("page.choices", { choices: others.join(", ") })}`;
}

// The picture with what was read in it

function sheet() {
  const [width, height] = read.size;
  const detail = make("p.detail", {}, t("page.detail.hint"));
  const tell = (digit) => () => {
    detail.textContent = described(digit);
  };
  const placed = allDigits().filter(({ box }) => box);
  // As large as most digits are, but to be read on the screen whatever the size of the photograph.
  const heights = placed.map(({ box }) => box[3]).sort((a, b) => a - b);
  const size = Math.min(Math.max(0.8 * heights[heights.length >> 1], width / 50), width / 16);
  const marks = placed.map((digit, i) => {
    const [x, y, w, h] = digit.box;
    const above = y > size;
    const name = svg("text", { x: x + w / 2, y: above ? y - size * 0.2 : y + h + size, "font-size": size }, digit.value ?? "?");
    const mark = svg("g", { class: `mark ${kind(digit)}`, role: "img", tabindex: i ? -1 : 0, "aria-label": described(digit) }, svg("rect", { x, y, width: w, height: h }), name);
    mark.addEventListener("pointerenter", tell(digit));
    mark.addEventListener("focus", tell(digit));
    return mark;
  });
  const overlay = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": t("page.marks") }, ...marks);
  // One stop of the Tab key for all digits; arrows go from one to the next.
  overlay.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const next = by && marks[marks.indexOf(document.activeElement) + by];
    if (!by) return;
    event.preventDefault();
    if (!next) return;
    for (const mark of marks) mark.setAttribute("tabindex", mark === next ? 0 : -1);
    next.focus();
  });
  const legend = ["sure", "doubtful", "rejected"].map((name) => make(`li.${name}`, {}, t(`page.legend.${name}`)));
  const picture = make("img", { src: read.preview, alt: t("page.preview") });
  return make("figure.reading-sheet", {}, make("div.photo", {}, picture, overlay), make("figcaption", {}, detail, make("ul.key", {}, ...legend)));
}

// The reading as text and as a table

function texts() {
  const notes = [...read.notes];
  if (read.rotation) notes.unshift(t("page.turned", { degrees: read.rotation }));
  const copied = make("span.note", { role: "status" });
  const copy = make("button", { type: "button" }, t("page.copy"));
  copy.onclick = async () => {
    try {
      await navigator.clipboard.writeText(plain());
      copied.textContent = t("page.copied");
    } catch {
      copied.textContent = t("page.copied.not"); // no clipboard without https but on this machine
    }
  };
  const { preview, steps, ...values } = read;
  const stem = (file.name || "picture").replace(/\.[^.]*$/, "");
  const csv = save(t("page.csv"), `${stem}.csv`, read.csv, "text/csv");
  const json = save(t("page.json"), `${stem}.json`, `${JSON.stringify(values, null, 1)}\n`, "application/json");
  return [
    make("h3", {}, t("page.text")),
    allDigits().length || read.grid ? (read.grid ? grid() : lines()) : make("p", {}, t("page.nothing")),
    make("div.row", {}, copy, csv, json, copied),
    notes.length ? make("ul.note", {}, ...notes.map((note) => make("li", {}, note))) : null,
  ].filter(Boolean);
}

function lines() {
  return make(
    "ol.read-lines",
    {},
    ...read.lines.map(({ digits }) => {
      return make("li", {}, ...digits.map((digit) => make(`span.${kind(digit)}`, { title: described(digit) }, digit.value ?? "?")));
    }),
  );
}

/** The grid's cells as text: what stands in each, "" for an empty one, "?" where nothing was accepted. */
function cells() {
  const written = new Set(allDigits().map(({ cell }) => String(cell)));
  return read.grid.map((row, i) => row.map((value, j) => value ?? (written.has(String([i, j])) ? "?" : "")));
}

function grid() {
  const least = new Map(); // each cell's least sure digit
  for (const digit of allDigits()) {
    const at = String(digit.cell);
    if (!least.has(at) || digit.confidence < least.get(at).confidence) least.set(at, digit);
  }
  const rows = cells().map((row, i) => {
    return make("tr", {}, ...row.map((value, j) => {
      const digit = least.get(String([i, j]));
      return make(digit ? `td.${kind(digit)}` : "td", { title: digit && described(digit) }, value);
    }));
  });
  const table = make("table.tables.read-grid", {}, make("caption", {}, t("page.table")), make("tbody", {}, ...rows));
  return make("div.scroll", { tabIndex: 0, role: "group", "aria-label": t("page.table") }, table);
}

/** As it is copied: lines, or a grid's cells with tabs as spreadsheets take them; "?" is kept. */
function plain() {
  if (read.grid) return cells().map((row) => row.join("\t")).join("\n");
  return read.lines.map(({ digits }) => digits.map(({ value }) => value ?? "?").join("")).join("\n");
}

function save(text, name, content, type) {
  const onclick = () => {
    const address = URL.createObjectURL(new Blob([content], { type }));
    make("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  };
  return make("button", { type: "button", onclick }, text);
}

// The reader's way, step by step

function strip() {
  const shown = (read.steps ?? []).map(({ name, picture }, i) => {
    const caption = `${i + 1}. ${STEPS[name] ? t(`page.step.${STEPS[name]}`) : name}`;
    const onclick = () => {
      const close = make("button", { type: "button" }, t("page.close"));
      parts.large.replaceChildren(make("div.row", {}, make("strong", {}, caption), close), make("img", { src: picture, alt: caption }));
      parts.large.setAttribute("aria-label", caption);
      parts.large.showModal();
    };
    const open = make("button.step", { type: "button", onclick, title: t("page.enlarge") }, make("img", { src: picture, alt: "" }), make("span", {}, caption));
    return make("li", {}, open);
  });
  return make("section.card", {}, make("h3", {}, t("page.steps")), make("p.note", {}, t("page.steps.note")), make("ol.strip", {}, ...shown));
}
