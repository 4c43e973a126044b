// Draw: digits by hand, read while they are drawn.

import { post } from "../api.js";
import { bytesOf } from "../arrays.js";
import { bars, complain, make } from "../dom.js";
import { Sheet } from "../ink.js";
import { picture } from "../pictures.js";
import { change } from "../store.js";
import { onLanguage, percent, t, translate } from "../texts.js";

const EVERY = 15; // ms between two readings while a stroke is drawn
const DIGITS = [..."0123456789"];

let sheet;
let parts;
let latest = null; // what was read last
let chosen = 0; // which of its digits is looked at
let waiting = null;
let asking = null;
let again = false;

export function mount(section) {
  const canvas = make("canvas", { tabIndex: 0, role: "img", dataset: { label: "draw.canvas" } });
  const hint = make("p.hint", { dataset: { text: "draw.hint" } });
  const button = (key, onclick, more = {}) => make("button", { type: "button", dataset: { text: key }, onclick, ...more });
  const eraser = button("draw.eraser", () => {
    sheet.erasing = !sheet.erasing;
    eraser.setAttribute("aria-pressed", String(sheet.erasing));
  });
  eraser.setAttribute("aria-pressed", "false");
  const answer = make("p.answer", { role: "status", id: "answer" });
  const chances = bars(DIGITS);
  const digits = make("div.digits");
  const seen = make("div.seen");
  const sure = make("p.note");
  section.append(
    make("h2", { dataset: { text: "draw.title" } }),
    make("p.lead", { dataset: { text: "draw.lead" } }),
    make(
      "div.drawing",
      {},
      make(
        "div",
        {},
        make("div.sheet", {}, canvas, hint),
        make(
          "p.row.tools",
          {},
          button("draw.undo", () => sheet.undo()),
          eraser,
          button("draw.clear", () => sheet.clear(), { id: "clear" }),
        ),
      ),
      make(
        "div.card",
        {},
        make("h3", { dataset: { text: "draw.reading" } }),
        answer,
        sure,
        digits,
        make("div.columns", {}, make("div", {}, chances.element), seen),
        make(
          "p.row",
          {},
          button("draw.inside", () => { location.hash = "look"; }),
          button("draw.backwards", () => { location.hash = "back"; }),
        ),
      ),
    ),
  );
  parts = { answer, chances, digits, seen, sure, hint };
  translate(section);
  sheet = new Sheet(canvas, soon);
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "z" && (event.ctrlKey || event.metaKey)) sheet.undo();
    if (event.key === "Delete" || event.key === "Escape") sheet.clear();
  });
  onLanguage(show);
  show();
}

/** Read soon: at once where nothing is under way, else when that has come. */
function soon() {
  parts.hint.hidden = !sheet.isEmpty;
  if (waiting) return;
  waiting = setTimeout(() => {
    waiting = null;
    read().catch(complain);
  }, EVERY);
}

async function read() {
  if (asking) {
    again = true;
    return;
  }
  const image = sheet.picture();
  if (!image) {
    latest = null;
    show();
    return;
  }
  try {
    asking = post("api/predict", { image });
    latest = await asking;
    chosen = Math.max(0, Math.min(chosen, latest.digits.length - 1));
    complain(null);
    show();
  } finally {
    asking = null;
    if (again) {
      again = false;
      soon();
    }
  }
}

function show() {
  const { answer, chances, digits, seen, sure } = parts;
  const read = latest?.digits ?? [];
  const digit = read[chosen];
  const text = latest?.text.replaceAll("\n", " ") ?? "";
  answer.textContent = text || (latest ? t("draw.none") : "–");
  answer.classList.toggle("none", Boolean(latest && !text));
  sure.textContent = digit ? sureness(digit) : "";
  chances.update(digit?.probabilities ?? DIGITS.map(() => 0), digit ? best(digit) : -1);
  digits.replaceChildren();
  if (read.length > 1) {
    read.forEach((one, i) => {
      const button = make("button", { type: "button", onclick: () => { chosen = i; show(); } });
      button.setAttribute("aria-pressed", String(i === chosen));
      button.append(shown(one, 40), one.value ?? "?");
      digits.append(button);
    });
  }
  seen.replaceChildren(make("h3", {}, t("draw.seen")));
  if (digit?.seen) {
    seen.append(shown(digit, 168), make("p.note", {}, t("draw.seenWhy")));
    change("seen", bytesOf(digit.seen));
  } else {
    seen.append(make("p.note", {}, t("draw.seenNothing")));
  }
}

/** How sure a digit is; of what is none, what it would be: its confidence is that of a digit. */
function sureness(digit) {
  const values = { best: DIGITS[best(digit)], sure: percent(digit.confidence), least: percent(latest.threshold, 0) };
  if (digit.value !== null) return t("draw.sure", values);
  return t(digit.confidence < latest.threshold ? "draw.rejected" : "draw.alone", values);
}

function shown(digit, size) {
  const plane = { width: 28, height: 28, values: bytesOf(digit.seen) };
  return picture(plane, { kind: "bytes", size, label: t("draw.seen") });
}

function best(digit) {
  return digit.probabilities.indexOf(Math.max(...digit.probabilities));
}

