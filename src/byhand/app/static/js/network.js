// A network's layers as a list of pictures, each of which can be pointed at.

import { channel, decode, extent } from "./arrays.js";
import { make } from "./dom.js";
import { picture } from "./pictures.js";
import { t } from "./texts.js";

const LARGE = 168; // pixels on the screen
const SMALL = 84;
const FEW = 8; // maps: fewer are shown large

/** A traced network with its arrays decoded; each layer knows its input. */
export function opened(trace) {
  let input = decode(trace.input);
  const layers = trace.layers.map((raw) => {
    const layer = {
      ...raw,
      input,
      output: decode(raw.output),
      parameters: decodeAll(raw.parameters),
      gradients: decodeAll(raw.gradients),
      dy: raw.dy && decode(raw.dy),
      dx: raw.dx && decode(raw.dx),
    };
    input = layer.output;
    return layer;
  });
  return {
    ...trace,
    input: decode(trace.input),
    layers,
    logits: decode(trace.logits),
    probabilities: decode(trace.probabilities),
  };
}

function decodeAll(arrays) {
  return Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, decode(array)]));
}

/** A layer as the names of its parameters have it, "0.weight": counted from 0. */
export function layerName({ name, kind }, i) {
  return `${name || i}. ${kind}`;
}

export function shapeText(shape) {
  return shape.join(" × ");
}

/**
 * The channels of an array (C, H, W), or a vector as one row or a block, as pictures.
 *
 * `pointed(place)` is called for what the mouse, a finger or the arrow keys point at. All maps are one
 * Tab stop: beyond a map's left or right end the arrow keys go on in its neighbour.
 * The element has `framed(frame)`, which frames a part of its maps, or clears it (null).
 */
export function maps(array, { kind = "grey", name, pointed }) {
  const flat = array.shape.length === 1;
  const planes = flat ? [block(array)] : Array.from({ length: array.shape[0] }, (_, c) => channel(array, c));
  const size = planes.length <= FEW ? LARGE : SMALL;
  const [low, high] = extent(array.values);
  const most = kind === "signed" ? Math.max(Math.abs(low), Math.abs(high)) : high;
  const canvases = [];
  const enter = (c, y, x) => {
    if (!canvases[c]) return false;
    for (const canvas of canvases) canvas.tabIndex = -1;
    canvases[c].tabIndex = 0;
    canvases[c].focus();
    canvases[c].point(y, x);
    return true;
  };
  const places = planes.map((plane, c) => {
    const label = flat ? name : t("network.map", { name, c });
    const canvas = picture(plane, { kind, most, label, size: flat ? undefined : size });
    if (flat) canvas.style.width = `${Math.min(560, plane.width * 14)}px`;
    const map = make("span.map", {}, canvas);
    if (pointed) {
      canvases.push(canvas);
      canvas.tabIndex = c ? -1 : 0;
      canvas.setAttribute("role", "application"); // which is given the arrow keys by screen readers
      listen(canvas, plane, (y, x) => {
        const i = y * plane.width + x;
        if (!flat || i < array.shape[0]) pointed(flat ? { i } : { c, y, x });
      }, (by, y) => enter(c + by, y, by > 0 ? 0 : plane.width - 1));
    }
    return map;
  });
  const element = make("div.maps", {}, ...places);
  element.framed = (frame) => {
    element.querySelectorAll(".frame").forEach((one) => one.remove());
    if (!frame) return;
    const wanted = flat ? frame.places?.map((i) => ({ top: Math.floor(i / planes[0].width), left: i % planes[0].width, height: 1, width: 1, channel: 0 })) : [frame];
    for (const one of wanted ?? []) {
      const chosen = one.channel === undefined ? places : [places[one.channel]];
      for (const map of chosen) map?.append(frameOf(one, planes[0]));
    }
  };
  return element;
}

/** A vector as a picture of rows, not too wide. */
function block(array) {
  const n = array.shape[0];
  const width = n <= 40 ? n : Math.ceil(Math.sqrt(n * 2.5));
  const height = Math.ceil(n / width);
  const values = new Float32Array(width * height);
  values.set(array.values);
  return { width, height, values };
}

function frameOf({ top, left, height, width }, plane) {
  const frame = make("span.frame");
  const [y0, x0] = [Math.max(0, top), Math.max(0, left)];
  const [y1, x1] = [Math.min(plane.height, top + height), Math.min(plane.width, left + width)];
  frame.style.top = `${(100 * y0) / plane.height}%`;
  frame.style.left = `${(100 * x0) / plane.width}%`;
  frame.style.height = `${(100 * (y1 - y0)) / plane.height}%`;
  frame.style.width = `${(100 * (x1 - x0)) / plane.width}%`;
  return frame;
}

/**
 * Tell which pixel is pointed at, with the mouse, a finger or the arrow keys.
 *
 * `leave(by, y)` goes on in the neighbour to the left (-1) or right (1), and says whether there is one.
 */
function listen(canvas, plane, told, leave) {
  let at = [Math.floor(plane.height / 2), Math.floor(plane.width / 2)];
  const tell = (y, x) => {
    at = [Math.min(plane.height - 1, Math.max(0, y)), Math.min(plane.width - 1, Math.max(0, x))];
    told(...at);
  };
  const point = (event) => {
    const box = canvas.getBoundingClientRect();
    tell(
      Math.floor(((event.clientY - box.top) / box.height) * plane.height),
      Math.floor(((event.clientX - box.left) / box.width) * plane.width),
    );
  };
  canvas.point = tell;
  canvas.addEventListener("pointermove", point);
  canvas.addEventListener("pointerdown", point);
  canvas.addEventListener("focus", () => {
    if (canvas.matches(":focus-visible")) tell(...at);
  });
  canvas.addEventListener("keydown", (event) => {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!by) return;
    event.preventDefault();
    const x = at[1] + by[1];
    if ((x < 0 || x >= plane.width) && leave(by[1], at[0])) return;
    tell(at[0] + by[0], x);
  });
}
