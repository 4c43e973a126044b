// Train: choose a recipe, start, and watch the network learn.
// What is shown of a training comes from its events alone, so that the page can be closed and
// opened again: the server tells them all once more.

import { follow, get, post } from "../api.js";
import { channel, decode } from "../arrays.js";
import { chart } from "../charts.js";
import { complain, make, translated } from "../dom.js";
import { paint, picture } from "../pictures.js";
import { recipeForm } from "../recipes.js";
import { change, refreshModels } from "../store.js";
import { number, onLanguage, percent, t } from "../texts.js";

const ENDED = ["finished", "stopped", "failed"];
const AGAIN = 2000; // milliseconds before the server is asked again
const KERNEL = 52; // pixels

let panel;
let form;
let refuse; // says near the button why something was not done
let view = fresh();
let due = false; // a drawing is waiting for the next frame
const parts = {};

function isUnderWay() {
  return view.status !== "idle" && !ENDED.includes(view.status);
}

function fresh() {
  return { status: "idle", order: null, started: null, steps: [], epochs: [], kernels: null, mistakes: null, end: null };
}

export function mount(section) {
  panel = section;
  form = recipeForm(start);
  ({ refuse } = form);
  section.append(translated("h2", "train.title"), translated("p.lead", "train.intro"), form.element, watch());
  onLanguage(() => {
    form.describe();
    draw();
  });
  document.addEventListener("themechange", later);
  get("api/recipes").then(form.fill).catch(complain);
  connect();
}

export function shown() {
  later();
}

// Starting and stopping

async function start() {
  const order = form.order();
  if (!order) return;
  form.start.disabled = true;
  try {
    refuse(null);
    const state = await post("api/training", order);
    // The events may have told it before the answer came.
    if (!isUnderWay()) view = { ...fresh(), status: state.status, order: state.order };
    draw();
    parts.heading.focus(); // the button cannot be pressed any more
  } catch (error) {
    refuse(error);
  }
  draw();
}

async function tell(word) {
  try {
    refuse(null);
    await post(`api/training/${word}`);
    // Everything else is told by events, some of which may be here before this answer.
    if (word === "stop" && isUnderWay()) view.status = "stopping";
  } catch (error) {
    refuse(error);
  }
  draw();
  if (word === "stop") parts.heading.focus(); // the button is gone, or soon will be
}

// The events

let leave = null; // ends the following

/** Hear all events from the first on; and again from the first when the server was gone. */
function connect() {
  const lost = () => {
    leave?.();
    setTimeout(again, AGAIN);
  };
  leave = follow("api/training/events", take, lost);
}

async function again() {
  try {
    const { status } = await get("api/training");
    if (status === "idle") view = fresh(); // another server, which knows of no training
    later();
    connect();
  } catch {
    setTimeout(again, AGAIN);
  }
}

function take(event) {
  const kind = event.event;
  if (kind === "starting") view = { ...fresh(), order: event.order };
  else if (kind === "started") view.started = event;
  else if (kind === "step") view.steps.push(event);
  else if (kind === "epoch") view.epochs.push(event);
  else if (kind === "kernels" || kind === "mistakes") view[kind] = event;
  else if (ENDED.includes(kind)) {
    view.end = event;
    if (event.problem) refuse({ message: event.problem }); // the report, say, could not be written
    if (kind !== "failed") refreshModels().catch(() => {}); // the list is asked for again later
  }
  view.status = event.status;
  later();
}

/** Draw once before the next frame, however many events come. */
function later() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    if (!panel.hidden) draw();
  });
}

// Watching

function watch() {
  parts.heading = make("h3", { tabIndex: -1 });
  parts.status = make("p", { role: "status" });
  parts.progress = make("progress", { max: 1, value: 0 });
  parts.figures = make("p.note");
  parts.pause = make("button", { type: "button", onclick: () => tell(view.status === "paused" ? "resume" : "pause") });
  parts.stop = translated("button", "train.stop", { type: "button", onclick: () => tell("stop") });
  parts.use = translated("button.primary", "train.use", { type: "button", onclick: use });
  parts.report = translated("a", "train.report", { target: "_blank", rel: "noopener" });
  parts.notes = make("ul.note");
  parts.loss = chart({
    title: () => t("train.loss.title"),
    across: () => t("train.step"),
    up: () => t("train.loss"),
    say: (value) => number(value, value < 0.1 && value > 0 ? 3 : 2),
    zero: true,
  });
  parts.accuracy = chart({
    title: () => t("train.accuracy.title"),
    across: () => t("train.epoch"),
    up: () => t("train.accuracy"),
    say: (value) => percent(value),
  });
  parts.kernels = make("div.card", { hidden: true }, translated("h4", "train.kernels"), translated("p.note", "train.kernels.note"), make("div.row.kernels", { role: "img" }));
  parts.wrong = make("div.card", { hidden: true }, make("h4"), make("ul.row.wrong"));
  parts.watch = make(
    "div.train-watch",
    { hidden: true },
    make(
      "div.card",
      {},
      parts.heading,
      parts.status,
      parts.progress,
      parts.figures,
      make("div.row", {}, parts.pause, parts.stop, parts.use, parts.report),
      parts.notes,
    ),
    make("div.columns", {}, make("div.card", {}, parts.loss.element), make("div.card", {}, parts.accuracy.element)),
    make("div.columns", {}, parts.kernels, parts.wrong),
  );
  return parts.watch;
}

function draw() {
  const under = isUnderWay();
  form.start.disabled = under;
  parts.watch.hidden = view.status === "idle";
  if (view.status === "idle") return;
  drawState(under);
  drawCurves();
  drawKernels();
  drawMistakes();
}

function drawState(under) {
  const { status, started, end } = view;
  parts.heading.textContent = t("train.of", { recipe: view.order?.recipe ?? started?.recipe ?? "" });
  const values = {
    detail: end?.detail ?? "",
    accuracy: end?.result ? percent(end.result.test_accuracy, 2) : "",
    epoch: number(view.epochs.length),
  };
  const state = view.epochs.length && status === "running" ? "train.status.after" : `train.status.${status}`;
  // Only a changed sentence is told to those who listen.
  const sentence = t(state, values);
  if (parts.status.textContent !== sentence) parts.status.textContent = sentence;
  parts.status.classList.toggle("bad", status === "failed");

  const all = started ? (started.steps ?? started.epochs * Math.ceil(started.n_train / started.batch_size)) : 0;
  const step = Math.max(view.steps.at(-1)?.step ?? 0, view.epochs.at(-1)?.step ?? 0);
  parts.progress.hidden = !under;
  parts.progress.setAttribute("aria-label", t("train.progress"));
  if (all) parts.progress.value = Math.min(1, step / all);
  else parts.progress.removeAttribute("value");
  parts.figures.textContent = started ? figures(step, all) : "";

  parts.pause.hidden = !["running", "paused"].includes(status);
  parts.pause.textContent = t(status === "paused" ? "train.resume" : "train.pause");
  parts.stop.hidden = !under;
  parts.stop.disabled = status === "stopping";
  parts.use.hidden = !["finished", "stopped"].includes(status);
  // A report is drawn at the end, and where the loss was no number; not of what was stopped.
  const run = started?.run;
  parts.report.hidden = !(run && (status === "finished" || end?.diagnosis)) || Boolean(end?.problem);
  parts.report.href = run ? `/runs/${encodeURIComponent(run)}/report.html` : "";
  const notes = [...(started?.notes ?? []), ...(end?.diagnosis ? [end.diagnosis] : [])];
  for (const { symptom } of view.epochs.at(-1)?.diagnoses ?? []) notes.push(symptom);
  const known = notes.join("\n");
  if (parts.notes.dataset.known === known) return;
  parts.notes.dataset.known = known;
  parts.notes.hidden = !notes.length;
  parts.notes.replaceChildren(...notes.map((note) => make("li", {}, note)));
}

function figures(step, all) {
  const { started } = view;
  const latest = view.steps.at(-1);
  const told = [t("train.figures.step", { step: number(step), all: number(all) })];
  if (started.epochs) {
    const epoch = number(Math.max(latest?.epoch ?? 1, view.epochs.length));
    told.unshift(t("train.figures.epoch", { epoch, all: number(started.epochs) }));
  }
  if (latest) told.push(t("train.figures.speed", { speed: number(latest.images_per_second) }));
  told.push(t("train.figures.size", { parameters: number(started.parameters), pictures: number(started.n_train), dataset: started.dataset }));
  return told.join(" · ");
}

function drawCurves() {
  // A batch's loss jumps; a mean that forgets older batches shows where it goes.
  const points = view.steps.map(({ step, loss }) => [step, loss]);
  const weight = 1 / Math.max(1, Math.min(20, points.length / 20));
  let mean = points[0]?.[1];
  const smooth = points.map(([x, y]) => [x, (mean += weight * (y - mean))]);
  const held = view.epochs.map(({ step, validation_loss }) => [step, validation_loss]);
  parts.loss.update([
    { name: () => t("train.line.batch"), of: "batch", points },
    { name: () => t("train.line.smooth"), of: "train", points: smooth },
    ...some("validation", held),
  ]);
  const by = (name) => view.epochs.map((epoch) => [epoch.epoch, epoch[name]]);
  parts.accuracy.update([
    ...some("train", by("train_accuracy")),
    ...some("validation", by("validation_accuracy")),
    ...some("test", by("test_accuracy")),
  ]);
}

/** A line of the values that there are, or none. */
function some(of, points) {
  const known = points.filter(([, y]) => y !== null);
  return known.length ? [{ name: () => t(`train.line.${of}`), of, points: known }] : [];
}

function drawKernels() {
  parts.kernels.hidden = !view.kernels;
  if (!view.kernels) return;
  const weights = decode(view.kernels.weights);
  const most = weights.values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const place = parts.kernels.lastElementChild;
  place.setAttribute("aria-label", t("train.kernels.label", { count: weights.shape[0], step: number(view.kernels.step) }));
  const planes = Array.from({ length: weights.shape[0] }, (_, c) => channel(weights, c));
  if (place.childElementCount === planes.length) {
    planes.forEach((plane, c) => paint(place.children[c], plane, "signed", most));
  } else {
    place.replaceChildren(...planes.map((plane) => picture(plane, { kind: "signed", most, size: KERNEL })));
  }
}

function drawMistakes() {
  const mistakes = view.mistakes;
  parts.wrong.hidden = !mistakes;
  if (!mistakes) return;
  const [heading, list] = parts.wrong.children;
  const { epoch, of, wrong } = mistakes;
  const told = t(wrong ? "train.mistakes" : "train.mistakes.none", { epoch: number(epoch), of: number(of), wrong: number(wrong) });
  if (heading.textContent === told && list.dataset.id === String(mistakes.id)) return;
  list.dataset.id = mistakes.id;
  heading.textContent = told;
  list.replaceChildren(
    ...mistakes.pictures.map(({ seen, label, read, probability }) => {
      const caption = make("figcaption", {}, t("train.mistake", { label, read }), make("small", {}, percent(probability, 0)));
      return make("li", {}, make("figure", {}, picture(channel(decode(seen)), { size: 56 }), caption));
    }),
  );
}

async function use() {
  try {
    await refreshModels();
    change("model", `runs/${encodeURIComponent(view.started.run)}`);
    location.hash = "look";
  } catch (error) {
    refuse(error);
  }
}
