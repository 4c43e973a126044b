// Backwards: the loss, the gradients flowing back layer by layer, one step, and where the network looks.

import { post } from "../api.js";
import { channel, decode } from "../arrays.js";
import { asked, modelChoice, pictureChoice, seen } from "../choosing.js";
import { bars, complain, field, make } from "../dom.js";
import { layerName, maps, opened, shapeText } from "../network.js";
import { picture, signs } from "../pictures.js";
import { onChange, store } from "../store.js";
import { number, onLanguage, t, translate } from "../texts.js";

const OPTIMISERS = ["SGD", "AdaGrad", "RMSProp", "Adam", "AdamW"];

let parts;
let network = null;
let looks = null;
let step = null;
let stale = true;
let latest = 0; // the number of the newest question: older answers come too late

export function mount(section) {
  const model = modelChoice(load);
  const drawn = pictureChoice();
  const label = make("select", { id: "label", onchange: load });
  const loss = make("p.answer.none", { role: "status" });
  const optimiser = make("select", {}, ...OPTIMISERS.map((name) => make("option", {}, name)));
  const rate = make("input", { type: "number", value: "0.01", min: "0", step: "any", inputMode: "decimal" });
  const steps = make("input", { type: "number", value: "1", min: "1", max: "50", step: "1" });
  const go = make("button.primary", { type: "submit", dataset: { text: "back.step" } });
  const form = make("form.row", { onsubmit: take }, field("back.optimiser", optimiser), field("back.rate", rate), field("back.steps", steps), go);
  const result = make("div", { role: "status" });
  const attention = make("div.maps");
  const layers = make("ol.layers");
  section.append(
    make("h2", { dataset: { text: "back.title" } }),
    make("p.lead", { dataset: { text: "back.lead" } }),
    make("div.row.choices", {}, drawn.element, model.element, field("back.label", label)),
    loss,
    make(
      "div.columns",
      {},
      make("div.card", {}, make("h3", { dataset: { text: "back.stepTitle" } }), make("p.note", { dataset: { text: "back.stepHow" } }), form, result),
      make("div.card", {}, make("h3", { dataset: { text: "back.where" } }), attention),
    ),
    make("h3", { dataset: { text: "back.flow" } }),
    signs("back.flowHow"),
    layers,
  );
  parts = { model, drawn, label, loss, optimiser, rate, steps, go, result, attention, layers };
  translate(section);
  onChange((what) => {
    if (what === "seen" || what === "model") stale = true;
  });
  onLanguage(show);
  document.addEventListener("themechange", show);
}

export function shown() {
  parts.drawn.show();
  if (stale) load();
}

async function load() {
  const mine = ++latest;
  stale = false;
  step = null;
  parts.drawn.show();
  try {
    const classes = store.models.find(({ id }) => id === store.model)?.classes ?? [..."0123456789"];
    const { label } = parts;
    const now = Math.min(label.value === "" ? 3 : Number(label.value), classes.length - 1);
    label.replaceChildren(...classes.map((name, i) => make("option", { value: i, selected: i === now }, name)));
    const question = asked({ label: now });
    const [trace, where] = await Promise.all([post("api/trace", question), post("api/attention", question)]);
    if (mine !== latest) return;
    network = opened(trace);
    looks = where;
    complain(null);
    show();
  } catch (error) {
    if (mine !== latest) return;
    stale = true;
    complain(error);
  }
}

async function take(event) {
  event.preventDefault();
  const { label, optimiser, rate, steps, go } = parts;
  const mine = latest;
  go.disabled = true;
  try {
    const taken = await post("api/step", asked({
      label: Number(label.value),
      optimiser: optimiser.value,
      rate: Number(rate.value),
      steps: Number(steps.value),
    }));
    if (mine !== latest) return; // another network or digit is looked at by now
    step = taken;
    complain(null);
    showStep();
  } catch (error) {
    complain(error);
  } finally {
    go.disabled = false;
  }
}

function show() {
  if (!network) return;
  const { loss, layers } = parts;
  const name = network.classes[network.label];
  const share = network.probabilities.values[network.label];
  loss.textContent = network.loss === null
    ? t("back.diverged")
    : t("back.loss", { name, share: share.toPrecision(3), loss: network.loss.toFixed(4) });
  showLooks();
  showStep();
  const rows = [...network.layers].reverse().map((layer, k) => {
    const name = layerName(layer, network.layers.length - 1 - k);
    const kept = layer.kept.map(({ what, shape, bytes }) => `${what} ${shape.length ? shapeText(shape) : ""}${bytes ? ` (${number(bytes)} B)` : ""}`);
    const gradients = Object.entries(layer.gradients).map(([param, values]) => gradient(layer, param, values));
    return make(
      "li.layer",
      {},
      make("header", {}, make("h3", {}, name), make("span.note", {}, kept.length ? t("back.kept", { what: kept.join("; ") }) : t("back.keptNothing"))),
      gradients.length ? make("div.maps", {}, ...gradients) : null,
      make("p.note", {}, t("back.arrives", { shape: shapeText(layer.dx.shape) })),
      maps(layer.dx, { kind: "signed", name: `dx ${name}` }),
    );
  });
  layers.replaceChildren(...rows);
}

/** A parameter's gradient: kernels as pictures, a matrix as one picture; its norm. */
function gradient(layer, name, array) {
  const norm = Math.sqrt(array.values.reduce((sum, v) => sum + v * v, 0));
  const [rows, columns] = array.shape.length === 4 ? [array.shape[0] * array.shape[2], array.shape[1] * array.shape[3]] : array.shape.length === 2 ? array.shape : [1, array.shape[0]];
  let values = array.values;
  if (array.shape.length === 4) {
    // Kernels in a sheet: a row of sheets a filter, a column an input channel.
    const [, channels, height, width] = array.shape;
    values = new Float32Array(array.values.length);
    array.values.forEach((value, i) => {
      const [x, y, c, f] = [i % width, Math.floor(i / width) % height, Math.floor(i / (width * height)) % channels, Math.floor(i / (width * height * channels))];
      values[(f * height + y) * columns + c * width + x] = value;
    });
  }
  const canvas = picture({ width: columns, height: rows, values }, { kind: "signed", label: `d${name}` });
  canvas.style.width = `${Math.min(320, Math.max(44, columns * 6))}px`;
  canvas.style.height = `${Math.min(220, Math.max(12, rows * 6))}px`;
  return make("figure", {}, canvas, make("figcaption", {}, `d${name} ${shapeText(array.shape)} · |·| ${norm.toPrecision(3)}`));
}

function showLooks() {
  const shown = [
    ["back.picture", { width: 28, height: 28, values: seen() }, "bytes"],
    ["back.saliency", channel(decode(looks.saliency)), "grey"],
    ["back.occlusion", channel(decode(looks.occlusion)), "signed"],
  ];
  parts.attention.replaceChildren(
    ...shown.map(([key, plane, kind]) => make("figure", {}, picture(plane, { kind, size: 140, label: t(key) }), make("figcaption", {}, t(key)))),
  );
}

function showStep() {
  const { result } = parts;
  result.replaceChildren();
  if (!step) return;
  const [before, after] = [step.steps[0], step.steps.at(-1)];
  const side = (key, { loss, probabilities }) => {
    const chances = bars(step.classes);
    if (step.classes.length > 10) chances.element.classList.add("wide");
    chances.update([...decode(probabilities).values], Number(parts.label.value));
    return make("div", {}, make("h3", {}, t(key)), make("p", {}, loss === null ? t("back.diverged") : t("back.lossIs", { loss: loss.toFixed(4) })), chances.element);
  };
  result.append(
    make("div.columns", {}, side("back.before", before), side("back.after", after)),
    make("p.note", {}, step.moved === null ? t("back.diverged") : t("back.moved", { moved: step.moved.toPrecision(3), norm: step.weights_norm?.toPrecision(3) ?? "∞" })),
  );
}
