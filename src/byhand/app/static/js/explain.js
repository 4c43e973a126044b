// The arithmetic of one value of a layer's output, with the real numbers, and where it comes from.

import { channel } from "./arrays.js";
import { make } from "./dom.js";
import { t } from "./texts.js";

const MOST = 8; // contributions that are listed

/** A setting of one number or of two, down and across, as two. */
const pair = (value) => (Array.isArray(value) ? value : [value, value]);

const say = (value) => (Math.abs(value) >= 1000 || (value !== 0 && Math.abs(value) < 0.001) ? value.toExponential(2) : value.toFixed(3));

/** `a + b = value` with as many decimals as the rounded numbers need to add up; with ≈ where six do not do. */
export function equation(terms, value) {
  for (let digits = 3; digits <= 6; digits++) {
    const rounded = (number) => number.toFixed(digits);
    const off = terms.reduce((sum, term) => sum + Number(rounded(term)), 0) - Number(rounded(value));
    if (Math.abs(off) < 0.5 * 10 ** -digits) return `${terms.map(rounded).join(" + ")} = ${rounded(value)}`;
  }
  return `${terms.map(say).join(" + ")} ≈ ${say(value)}`;
}

/**
 * How `layer` came to its value at `place` ({c, y, x} of a map, {i} of a vector).
 *
 * Gives {text: elements, frame}: frame is {top, left, height, width} in the maps of `input`, or
 * {places: [i]} where it is a vector, or null.
 */
export function explain(layer, input, place) {
  const how = { Conv2d: convolution, MaxPool2d: pooling, Linear: linear, Flatten: flatten }[layer.kind];
  return (how ?? each)(layer, input, place);
}

function convolution(layer, input, { c, y, x }) {
  const { weight, bias } = layer.parameters;
  const [, , tall, wide] = weight.shape;
  const [stride, padding] = [pair(layer.settings.stride ?? 1), pair(layer.settings.padding ?? 0)];
  const [channels, height, width] = input.shape;
  const [top, left] = [y * stride[0] - padding[0], x * stride[1] - padding[1]];
  const totals = [];
  for (let k = 0; k < channels; k++) {
    const cells = [];
    let total = 0;
    for (let i = 0; i < tall; i++) {
      for (let j = 0; j < wide; j++) {
        const inside = top + i >= 0 && top + i < height && left + j >= 0 && left + j < width;
        const from = inside ? input.values[(k * height + top + i) * width + left + j] : 0;
        const by = weight.values[((c * channels + k) * tall + i) * wide + j];
        total += from * by;
        cells.push({ from, by });
      }
    }
    totals.push({ k, total, cells });
  }
  const shown = totals.reduce((a, b) => (Math.abs(b.total) > Math.abs(a.total) ? b : a));
  const value = valueAt(layer.output, { c, y, x });
  const table = (pick) => {
    const rows = [];
    for (let i = 0; i < tall; i++) {
      const cells = shown.cells.slice(i * wide, (i + 1) * wide).map((cell) => make("td", {}, pick(cell).toFixed(2)));
      rows.push(make("tr", {}, ...cells));
    }
    return make("table", {}, ...rows);
  };
  const many = channels > 1;
  const others = totals.reduce((sum, { total }) => sum + total, 0) - shown.total;
  return {
    frame: { top, left, height: tall, width: wide, channel: shown.k },
    text: [
      make("p", {}, t(many ? "explain.convMany" : "explain.conv", { c, y, x, k: shown.k, n: channels })),
      make("div.row", {}, table(({ from }) => from), "×", table(({ by }) => by)),
      make("p", {}, `${t("explain.patchSum")} = ${say(shown.total)}`),
      many ? make("p", {}, `${t("explain.otherChannels", { n: channels - 1 })} = ${say(others)}`) : null,
      make("p", {}, `${t("explain.bias")} = ${say(bias ? bias.values[c] : 0)}`),
      make("p.result", {}, equation([shown.total, ...(many ? [others] : []), bias ? bias.values[c] : 0], value)),
    ],
  };
}

function pooling(layer, input, { c, y, x }) {
  const size = pair(layer.settings.kernel_size);
  const stride = pair(layer.settings.stride ?? size);
  const padding = pair(layer.settings.padding ?? 0);
  const [top, left] = [y * stride[0] - padding[0], x * stride[1] - padding[1]];
  const plane = channel(input, c);
  const value = valueAt(layer.output, { c, y, x });
  const rows = [];
  let won = false;
  for (let i = 0; i < size[0]; i++) {
    const cells = [];
    for (let j = 0; j < size[1]; j++) {
      const inside = top + i >= 0 && top + i < plane.height && left + j >= 0 && left + j < plane.width;
      const from = inside ? plane.values[(top + i) * plane.width + left + j] : null;
      const wins = !won && from === value; // the first of several, as the network has it
      won ||= wins;
      cells.push(make(wins ? "td.won" : "td", {}, from === null ? "–" : say(from)));
    }
    rows.push(make("tr", {}, ...cells));
  }
  return {
    frame: { top, left, height: size[0], width: size[1], channel: c },
    text: [
      make("p", {}, t("explain.pool", { n: size[0] * size[1], c, y, x })),
      make("table", {}, ...rows),
      make("p.result", {}, `max = ${say(value)}`),
    ],
  };
}

function linear(layer, input, { i }) {
  const { weight, bias } = layer.parameters;
  const size = input.values.length;
  const parts = [];
  let total = 0;
  for (let k = 0; k < size; k++) {
    const by = weight.values[i * size + k];
    const product = input.values[k] * by;
    total += product;
    parts.push({ k, from: input.values[k], by, product });
  }
  parts.sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
  const largest = parts.slice(0, MOST);
  const rest = total - largest.reduce((sum, { product }) => sum + product, 0);
  const row = (...texts) => make("tr", {}, ...texts.map((text) => make("td", {}, text)));
  return {
    frame: { places: largest.map(({ k }) => k) },
    text: [
      make("p", {}, t("explain.linear", { i, n: size })),
      make(
        "table",
        {},
        make("tr", {}, ...["i", "x", "w", "x × w"].map((text) => make("th", { scope: "col" }, text))),
        ...largest.map(({ k, from, by, product }) => row(k, say(from), say(by), say(product))),
        row(t("explain.rest", { n: Math.max(0, size - MOST) }), "", "", say(rest)),
      ),
      make("p", {}, `${t("explain.bias")} = ${say(bias ? bias.values[i] : 0)}`),
      make("p.result", {}, equation([total, bias ? bias.values[i] : 0], layer.output.values[i])),
    ],
  };
}

function flatten(layer, input, { i }) {
  const [, height, width] = input.shape;
  const place = { c: Math.floor(i / (height * width)), y: Math.floor(i / width) % height, x: i % width };
  return {
    frame: { top: place.y, left: place.x, height: 1, width: 1, channel: place.c },
    text: [
      make("p", {}, t("explain.flatten", { i, ...place })),
      make("p.result", {}, say(layer.output.values[i])),
    ],
  };
}

/** Layers that change each value by itself: activations; dropout, which reading leaves out. */
function each(layer, input, place) {
  const [from, to] = [valueAt(input, place), valueAt(layer.output, place)];
  const key = layer.kind === "ReLU" ? "explain.relu" : layer.kind === "Dropout" ? "explain.dropout" : "explain.each";
  const formula = layer.kind === "ReLU" ? `max(0, ${say(from)}) = ${say(to)}` : `${say(from)} → ${say(to)}`;
  const frame = place.i === undefined ? { top: place.y, left: place.x, height: 1, width: 1, channel: place.c } : { places: [place.i] };
  return { frame, text: [make("p", {}, t(key)), make("p.result", {}, formula)] };
}

/** Softmax with its exponentials and their sum. */
export function softmax(logits, classes) {
  const most = Math.max(...logits);
  const powers = [...logits].map((logit) => Math.exp(logit - most));
  const total = powers.reduce((a, b) => a + b, 0);
  const row = (name, ...values) => make("tr", {}, make("th", { scope: "row" }, name), ...values.map((value) => make("td", {}, value)));
  return [
    make("p", {}, t("explain.softmax", { most: say(most) })),
    make(
      "table",
      {},
      make("tr", {}, ...["", "z", "exp(z − max)", "p"].map((text) => make("th", { scope: "col" }, text))),
      ...classes.map((name, i) => row(name, say(logits[i]), say(powers[i]), say(powers[i] / total))),
      row("Σ", "", say(total), "1"),
    ),
  ];
}

export function valueAt(array, { c, y, x, i }) {
  if (i !== undefined) return array.values[i];
  const [, height, width] = array.shape;
  return array.values[(c * height + y) * width + x];
}
