// Line charts as SVG, drawn anew at the size that they have, with their numbers as a table.

import { make, svg } from "./dom.js";
import { t } from "./texts.js";

const HEIGHT = 220;
const EDGE = { left: 66, right: 12, top: 10, bottom: 40 };
const MOST_POINTS = 600; // of a line; more are finer than the screen
const MOST_ROWS = 60; // of the table

/**
 * A chart. `title`, `across` and `up` give texts in the language of the moment; `say` writes a value.
 * With `zero` the axis up begins at 0. `update(lines)` draws: a line is {name, of, points: [[x, y],
 * ...]}, where `of` is "train", "validation" or "test", or "batch" for a faint one below the others.
 * `draw()` draws the same again: after a change of language, or when the chart is shown.
 */
export function chart(about) {
  const { title, across, say } = about;
  const place = make("div.plot");
  const heading = make("figcaption");
  const legend = make("ul.chart-lines");
  const summary = make("summary");
  const table = make("div.numbers", { tabIndex: 0 });
  const numbers = make("details", {}, summary, table);
  const element = make("figure.chart", {}, heading, legend, place, numbers);
  let lines = [];

  function draw() {
    heading.textContent = title();
    summary.textContent = t("train.chart.numbers");
    legend.replaceChildren(...lines.map((line) => make("li", {}, swatch(line), line.name())));
    // Hidden, the chart has no width; it is drawn when it is seen.
    if (place.clientWidth) place.replaceChildren(plot(lines, place.clientWidth, about));
    if (numbers.open) table.replaceChildren(asTable(lines, title(), across(), say));
  }

  numbers.ontoggle = draw;
  let width = 0;
  new ResizeObserver(() => {
    if (place.clientWidth === width) return;
    width = place.clientWidth;
    draw();
  }).observe(place);
  return {
    element,
    draw,
    update(changed) {
      lines = changed;
      draw();
    },
  };
}

function plot(lines, width, { title, across, up, say, zero }) {
  const points = lines.flatMap((line) => line.points);
  const xs = points.map(([x]) => x);
  const ys = lines.filter(isClear).flatMap((line) => line.points.map(([, y]) => y));
  const [low, high] = ends(ys);
  const x = scale(least(xs, 0), most(xs, 1), EDGE.left, width - EDGE.right, width / 90);
  const y = scale(zero ? Math.min(0, low) : low, high, HEIGHT - EDGE.bottom, EDGE.top, 5);
  const latest = lines.filter((line) => line.points.length).map((line) => {
    return `${line.name()}: ${say(line.points.at(-1)[1])}`;
  });
  const drawn = svg("svg", {
    width,
    height: HEIGHT,
    viewBox: `0 0 ${width} ${HEIGHT}`,
    role: "img",
    "aria-label": [title(), ...latest].join(". "),
  });
  for (const value of y.ticks) {
    const at = y.to(value);
    drawn.append(
      svg("line", { class: "rule", x1: EDGE.left, x2: width - EDGE.right, y1: at, y2: at }),
      svg("text", { x: EDGE.left - 6, y: at + 4, "text-anchor": "end" }, say(value)),
    );
  }
  for (const value of x.ticks.filter(Number.isInteger)) {
    const at = x.to(value);
    const said = value.toLocaleString(document.documentElement.lang);
    drawn.append(
      svg("line", { class: "tick", x1: at, x2: at, y1: HEIGHT - EDGE.bottom, y2: HEIGHT - EDGE.bottom + 4 }),
      svg("text", { x: at, y: HEIGHT - EDGE.bottom + 17, "text-anchor": "middle" }, said),
    );
  }
  const base = HEIGHT - EDGE.bottom;
  drawn.append(
    svg("line", { class: "axis", x1: EDGE.left, x2: width - EDGE.right, y1: base, y2: base }),
    svg("text", { x: (EDGE.left + width) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, across()),
    svg("text", { class: "up", x: 0, y: 0, transform: `translate(11 ${base / 2}) rotate(-90)`, "text-anchor": "middle" }, up()),
  );
  drawn.append(...lines.map((line) => curve(line, x, y)));
  return drawn;
}

function curve(line, x, y) {
  const places = thinned(line.points, MOST_POINTS).map(([at, value]) => [x.to(at), y.to(value)]);
  const path = places.map((place) => place.map((n) => n.toFixed(1)).join(",")).join(" ");
  const group = svg("g", { class: `series ${line.of}` }, svg("polyline", { points: path }));
  // Few points, as those of epochs, are to be seen each; a single one makes no line.
  if (places.length <= 30 && isClear(line)) {
    for (const [cx, cy] of places) group.append(svg("circle", { cx, cy, r: 3 }));
  }
  return group;
}

function swatch(line) {
  const sample = svg("polyline", { points: "1,6 27,6" });
  return svg("svg", { width: 28, height: 12, "aria-hidden": "true", class: `series ${line.of}` }, sample);
}

function isClear(line) {
  return line.of !== "batch";
}

function asTable(lines, title, across, say) {
  const shown = lines.filter(isClear);
  const places = [...new Set(shown.flatMap((line) => line.points.map(([x]) => x)))].sort((a, b) => a - b);
  const values = shown.map((line) => new Map(line.points));
  const head = [across, ...shown.map((line) => line.name())];
  const rows = thinned(places, MOST_ROWS).map((x) => {
    const cells = values.map((at) => make("td", {}, at.has(x) ? say(at.get(x)) : "–"));
    return make("tr", {}, make("th", { scope: "row" }, x.toLocaleString(document.documentElement.lang)), ...cells);
  });
  return make(
    "table.tables",
    {},
    make("caption", {}, title),
    make("thead", {}, make("tr", {}, ...head.map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", {}, ...rows),
  );
}

/** At most about `count` of the values, evenly taken, the last among them. */
function thinned(values, count) {
  const by = Math.ceil(values.length / count);
  return by <= 1 ? values : values.filter((_, i) => (values.length - 1 - i) % by === 0);
}

function least(values, otherwise) {
  return values.length ? values.reduce((a, b) => Math.min(a, b)) : otherwise;
}

function most(values, otherwise) {
  return values.length ? values.reduce((a, b) => Math.max(a, b)) : otherwise;
}

/** What the axis up has to hold; with room where all values are alike. */
function ends(values) {
  const [low, high] = [least(values, 0), most(values, 1)];
  return high - low > 1e-9 ? [low, high] : [low - 0.05, high + 0.05];
}

/** From values to pixels, and about `count` round values as ticks. */
function scale(low, high, from, to, count) {
  const span = high > low ? high - low : 1;
  const rough = span / Math.max(2, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((n) => n * power >= rough);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= low + span * (1 + 1e-9); i++) {
    ticks.push(Number((i * step).toPrecision(12)));
  }
  const place = (value) => from + ((value - low) / span) * (to - from);
  const [near, far] = [Math.min(from, to), Math.max(from, to)];
  return { ticks, to: (value) => Math.min(far, Math.max(near, place(value))) };
}
