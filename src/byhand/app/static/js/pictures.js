// Arrays as pictures: from black to white, or negative blue, 0 neutral, positive red.

import { extent } from "./arrays.js";
import { make } from "./dom.js";

// The ends of the reports' RdBu_r, seen with every kind of colour vision; 0 is the page's own ground.
const NEGATIVE = [33, 102, 172];
const POSITIVE = [178, 24, 43];

/** Draw {width, height, values} on a canvas, a pixel a value; `most` is what full colour stands for. */
export function paint(canvas, plane, kind = "grey", most = undefined) {
  const { width, height, values } = plane;
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const [low, high] = extent(values);
  const ground = kind === "signed" ? neutral() : null;
  const largest = most ?? Math.max(Math.abs(low), Math.abs(high));
  for (let i = 0; i < values.length; i++) {
    const at = 4 * i;
    let colour;
    if (kind === "signed") {
      const share = largest > 0 ? Math.min(1, Math.abs(values[i]) / largest) : 0;
      const end = values[i] < 0 ? NEGATIVE : POSITIVE;
      colour = ground.map((from, k) => from + share * (end[k] - from));
    } else {
      const [from, to] = kind === "bytes" ? [0, 255] : [Math.min(low, 0), most ?? high];
      const grey = to > from ? (255 * (values[i] - from)) / (to - from) : 0;
      colour = [grey, grey, grey];
    }
    image.data[at] = colour[0];
    image.data[at + 1] = colour[1];
    image.data[at + 2] = colour[2];
    image.data[at + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** A new canvas with the plane, shown enlarged with its pixels to be seen; `label` for who cannot see it. */
export function picture(plane, { kind = "grey", most, label, size } = {}) {
  const canvas = document.createElement("canvas");
  canvas.className = "pixels";
  if (label) {
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
  } else {
    canvas.setAttribute("aria-hidden", "true");
  }
  paint(canvas, plane, kind, most);
  if (size) {
    canvas.style.width = `${(size * plane.width) / Math.max(plane.width, plane.height)}px`;
  }
  return canvas;
}

/** Which colour is which sign, with a text of the page before it. */
export function signs(key) {
  const scale = make("span.legend", {}, "−", make("span.scale"), "+");
  return make("p.row", {}, make("span.note", { dataset: { text: key } }), scale);
}

function neutral() {
  const { theme } = document.documentElement.dataset;
  const dark = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  return dark ? [30, 33, 38] : [247, 247, 247];
}
