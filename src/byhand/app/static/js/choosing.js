// The network and the picture that the tabs "look inside" and "backwards" are about.

import { base64Of } from "./arrays.js";
import { field, make } from "./dom.js";
import { example } from "./example.js";
import { picture } from "./pictures.js";
import { change, onChange, store } from "./store.js";
import { number, percent, readable, t } from "./texts.js";

/** A select of the networks, kept up to date, with a line about the chosen one. */
export function modelChoice(changed) {
  const select = make("select", { onchange: () => { change("model", select.value); changed(); } });
  const about = make("p.note");
  const odd = make("details.note", { hidden: true });
  const show = () => {
    const options = store.models.map(({ id, name, source, problem }) => {
      const said = source === "run" && !problem ? `${name} (${readable(id.slice(5))})` : name;
      return make("option", { value: id, selected: id === store.model, disabled: Boolean(problem) }, said);
    });
    select.replaceChildren(...options);
    const model = store.models.find(({ id }) => id === store.model);
    about.textContent = model
      ? [
          t("model.parameters", { n: number(model.parameters) }),
          model.accuracy === null ? "" : t(accuracyText(model), { share: percent(model.accuracy, 2), dataset: model.dataset }),
          model.summary,
          readsDigits(model) ? "" : t("model.classes", { classes: model.classes.join(", ") }),
          model.problem,
        ].filter(Boolean).join(" · ")
      : "";
    const refused = store.models.filter(({ problem }) => problem);
    odd.hidden = !refused.length;
    odd.replaceChildren(
      make("summary", {}, t("model.refused", { count: number(refused.length) })),
      make("ul", {}, ...refused.map(({ name, problem }) => make("li", {}, `${name}: ${problem}`))),
    );
  };
  onChange((what) => {
    if (what === "models" || what === "model") show();
  });
  show();
  return { element: make("div.which", {}, field("model.choose", select), about, odd), show };
}

/** The reader's own network looks once where the reader looks several times. */
function accuracyText({ id, dataset }) {
  if (id === "reader") return "model.accuracy.once";
  return dataset ? "model.accuracy" : "model.accuracy.unnamed";
}

/** Whether it tells the ten digits apart, as what is drawn here is taken for. */
function readsDigits({ classes, problem }) {
  return Boolean(problem) || [..."0123456789"].every((digit) => classes.includes(digit));
}

/** The picture that is looked at: what was drawn, else the example. */
export function seen() {
  return store.seen ?? example();
}

export function asked(more = {}) {
  return { model: store.model, picture: base64Of(seen()), ...more };
}

/** The picture, and the way to draw another. */
export function pictureChoice() {
  const place = make("div.row");
  const show = () => {
    const plane = { width: 28, height: 28, values: seen() };
    place.replaceChildren(
      picture(plane, { kind: "bytes", size: 84, label: t("draw.seen") }),
      make("a.button", { href: "#draw" }, t(store.seen ? "look.drawOther" : "look.drawFirst")),
    );
  };
  return { element: place, show };
}
