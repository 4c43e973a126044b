// Look inside: every layer from the picture to the probabilities, with the arithmetic of each value.

import { post } from "../api.js";
import { asked, modelChoice, pictureChoice } from "../choosing.js";
import { bars, complain, make } from "../dom.js";
import { explain, softmax } from "../explain.js";
import { layerName, maps, opened, shapeText } from "../network.js";
import { picture, signs } from "../pictures.js";
import { channel } from "../arrays.js";
import { onChange } from "../store.js";
import { number, onLanguage, t, translate } from "../texts.js";

const KERNELS = 16; // of a layer that are drawn

let parts;
let network = null;
let stale = true;
let latest = 0; // the number of the newest question: older answers come too late

export function mount(section) {
  const model = modelChoice(load);
  const drawn = pictureChoice();
  const layers = make("ol.layers");
  const aside = make("aside.card.sum");
  const said = make("p.unseen", { role: "status" }); // the result, for who goes by the keyboard
  section.append(
    make("h2", { dataset: { text: "look.title" } }),
    make("p.lead", { dataset: { text: "look.lead" } }),
    make("div.row.choices", {}, drawn.element, model.element),
    signs("look.colours"),
    make("div.explain", {}, layers, aside),
    said,
  );
  parts = { model, drawn, layers, aside, said };
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

function load() {
  const mine = ++latest;
  stale = false;
  parts.drawn.show();
  post("api/trace", asked())
    .then((trace) => {
      if (mine !== latest) return;
      network = opened(trace);
      complain(null);
      show();
    })
    .catch((error) => {
      if (mine !== latest) return;
      stale = true;
      complain(error);
    });
}

function show() {
  if (!network) return;
  const { layers, aside } = parts;
  aside.replaceChildren(make("h3", {}, t("look.point")), make("p.note", {}, t("look.pointHow")));
  const shownMaps = [];
  const rows = [];
  const input = maps(network.input, { name: t("look.input") });
  shownMaps.push(input);
  const { mean, std } = network.standardisation;
  const plain = mean.every((m) => m === 0) && std.every((s) => s === 1);
  rows.push(row(t("look.input"), t(plain ? "about.inputPlain" : "about.input"), network.input.shape, null, input));
  network.layers.forEach((layer, i) => {
    const name = layerName(layer, i);
    const element = maps(layer.output, {
      kind: layer.kind === "Conv2d" || layer.kind === "Linear" ? "signed" : "grey",
      name,
      pointed: (place) => {
        const { text, frame } = explain(layer, layer.input, place);
        for (const one of shownMaps) one.framed(null);
        shownMaps[i].framed(frame);
        element.framed(place.i === undefined ? { top: place.y, left: place.x, height: 1, width: 1, channel: place.c } : { places: [place.i] });
        aside.replaceChildren(make("h3", {}, name), ...text.filter(Boolean));
        if (document.activeElement?.matches("canvas:focus-visible")) {
          parts.said.textContent = aside.querySelector(".result")?.textContent ?? "";
        }
      },
    });
    shownMaps.push(element);
    rows.push(row(name, about(layer), layer.output.shape, kernels(layer), element));
  });
  const chances = bars(network.classes);
  if (network.classes.length > 10) chances.element.classList.add("wide");
  const probabilities = [...network.probabilities.values];
  chances.update(probabilities, probabilities.indexOf(Math.max(...probabilities)));
  const why = make("button", { type: "button", onclick: () => {
    aside.replaceChildren(make("h3", {}, "Softmax"), ...softmax([...network.logits.values], network.classes));
    aside.scrollIntoView({ block: "nearest" });
  } }, t("look.softmaxHow"));
  rows.push(row("Softmax", t("about.Softmax"), network.probabilities.shape, why, chances.element));
  layers.replaceChildren(...rows);
}

function row(name, said, shape, extra, body) {
  return make(
    "li.layer",
    {},
    make("header", {}, make("h3", {}, name), make("span.note", {}, shapeText(shape)), make("span.note", {}, said)),
    extra,
    body,
  );
}

function about(layer) {
  const known = ["Conv2d", "ReLU", "MaxPool2d", "Flatten", "Linear", "Dropout"];
  const { kernel_size, in_features: from, out_features: to } = layer.settings;
  const numbers = Object.values(layer.parameters).reduce((n, { values }) => n + values.length, 0);
  const said = known.includes(layer.kind) ? t(`about.${layer.kind}`, { k: kernel_size?.[0] ?? kernel_size, from, to }) : "";
  return numbers ? `${said} ${t("about.parameters", { n: number(numbers) })}` : said;
}

/** A convolution's kernels: those of one input channel as they are, of several their mean. */
function kernels(layer) {
  const { weight } = layer.parameters;
  if (layer.kind !== "Conv2d" || !weight) return null;
  const [filters, channels, height, width] = weight.shape;
  const size = height * width;
  const figures = [];
  for (let f = 0; f < Math.min(filters, KERNELS); f++) {
    const mean = new Float32Array(size);
    for (let c = 0; c < channels; c++) {
      const plane = channel({ shape: [height, width], values: weight.values.subarray((f * channels + c) * size, (f * channels + c + 1) * size) });
      plane.values.forEach((value, i) => { mean[i] += value / channels; });
    }
    figures.push(picture({ width, height, values: mean }, { kind: "signed", size: 44, label: t("look.kernel", { f }) }));
  }
  const more = filters > KERNELS ? t("look.moreKernels", { n: filters - KERNELS }) : "";
  return make("details", {}, make("summary", {}, t("look.kernels")), make("div.maps", {}, ...figures), more ? make("p.note", {}, more) : null);
}
