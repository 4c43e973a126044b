// Runs: the trainings and experiments of this machine, with their reports.

import { get } from "../api.js";
import { complain, make } from "../dom.js";
import { change, refreshModels } from "../store.js";
import { number, onLanguage, percent, readable, t } from "../texts.js";

let runs = null; // null until they are known
let older = 0; // that are not listed
const parts = {};

export function mount(section) {
  parts.status = make("p.note", { role: "status" });
  parts.list = make("ul.runs");
  parts.none = make("div.card", { hidden: true });
  const title = make("h2", { dataset: { text: "runs.title" } }, t("runs.title"));
  const intro = make("p.lead", { dataset: { text: "runs.intro" } }, t("runs.intro"));
  section.append(title, intro, parts.status, parts.none, parts.list);
  onLanguage(draw);
}

/** Asked for each time that the tab comes to the front: a training may have ended. */
export async function shown() {
  draw();
  try {
    ({ runs, older } = await get("api/runs"));
  } catch (error) {
    complain(error);
  }
  draw();
}

function draw() {
  parts.status.textContent = runs ? counted() : t("runs.loading");
  parts.none.hidden = !runs || runs.length > 0;
  parts.none.replaceChildren(
    make("h3", {}, t("runs.none")),
    make("p", {}, t("runs.none.page"), " ", make("a", { href: "#train" }, t("runs.none.link"))),
    make("p", {}, t("runs.none.command")),
    make("pre", {}, make("code", {}, "byhand train one_conv\nbyhand experiment list")),
  );
  parts.list.replaceChildren(...(runs ?? []).map(card));
}

function counted() {
  if (!runs.length) return "";
  const count = t("runs.count", { count: number(runs.length) });
  return older ? `${count} ${t("runs.older", { count: number(older) })}` : count;
}

function card(run) {
  const facts = [
    run.accuracy === null ? null : [t("runs.accuracy"), percent(run.accuracy, 2)],
    run.dataset ? [t("runs.dataset"), run.dataset] : null,
    run.epochs ? [t("runs.epochs"), number(run.epochs)] : null,
    [t("runs.time"), when(run.time)],
  ].filter(Boolean);
  const kind = run.kind === "training" ? "training" : "experiment";
  const tags = run.problem ? [] : [t(`runs.kind.${kind}`), run.finished ? null : t("runs.unfinished")];
  return make(
    "li.card",
    {},
    make("h3", {}, run.title),
    make("p.row", {}, ...tags.filter(Boolean).map((tag) => make("span.tag", {}, tag))),
    run.problem ? make("p.problem", {}, t("runs.problem", { problem: run.problem })) : null,
    make("dl.facts", {}, ...facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)))),
    thumbnails(run),
    links(run),
    make("p.note", {}, make("code", {}, run.name)),
  );
}

function when(seconds) {
  const how = { dateStyle: "medium", timeStyle: "short" };
  return new Intl.DateTimeFormat(document.documentElement.lang, how).format(1000 * seconds);
}

function thumbnails(run) {
  if (!run.pictures.length) return null;
  const pictures = run.pictures.slice(0, 4).map((src) => {
    const name = readable(src.split("/").at(-1)).replace(/\.png$/, "").replaceAll("_", " ");
    const picture = make("img", { loading: "lazy", decoding: "async", alt: name, src });
    return make("a", { href: src, target: "_blank", rel: "noopener", title: name }, picture);
  });
  return make("div.row.thumbnails", {}, ...pictures);
}

/** The names in the labels tell the links of one card from those of the next. */
function links(run) {
  const report = run.report && make(
    "a",
    { href: run.report, target: "_blank", rel: "noopener", "aria-label": t("runs.report.label", { run: run.name }) },
    t("runs.report"),
  );
  const look = run.model && make(
    "button",
    { type: "button", onclick: () => lookInside(run.model), "aria-label": t("runs.look.label", { run: run.name }) },
    t("runs.look"),
  );
  return report || look ? make("p.row", {}, ...[look, report].filter(Boolean)) : null;
}

async function lookInside(model) {
  try {
    await refreshModels(); // a run that has just ended may not be among them
    change("model", model);
    location.hash = "look";
  } catch (error) {
    complain(error);
  }
}
