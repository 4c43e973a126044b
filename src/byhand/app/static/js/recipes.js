// The form that chooses a recipe and its settings.

import { field, make, refusal, translated } from "./dom.js";
import { t } from "./texts.js";

const FIRST = "one_conv";
const FIELDS = ["epochs", "steps", "batch_size", "optimiser", "schedule", "train_limit"];
const WHOLE = ["epochs", "steps", "batch_size", "train_limit"];

/** The form, its button and its problem; `submit()` is called when it is sent, `order()` says what with. */
export function recipeForm(submit) {
  let known = new Map();
  const recipe = make("select", { onchange: setValues });
  const summary = make("p.note");
  const inputs = {};
  const fields = FIELDS.map((name) => {
    const input = make("input", { type: "text", autocomplete: "off", spellcheck: false });
    if (WHOLE.includes(name)) input.inputMode = "numeric";
    inputs[name] = input;
    return field(`train.field.${name}`, input);
  });
  const seed = make("input", { type: "number", min: 0, max: 2 ** 32 - 1, step: 1, value: "0" });
  const start = translated("button.primary", "train.start", { type: "submit" });
  const alert = refusal();
  const settings = make(
    "details",
    {},
    translated("summary", "train.settings"),
    translated("p.note", "train.settings.note"),
    make("div.columns", {}, ...fields, field("train.field.seed", seed)),
  );
  const onsubmit = (event) => {
    event.preventDefault();
    submit();
  };
  const element = make(
    "form.card.train-form",
    { onsubmit, noValidate: true },
    field("train.recipe", recipe),
    summary,
    settings,
    make("div.row", {}, start),
    alert.element,
  );

  function fill({ recipes }) {
    known = new Map(recipes.map((one) => [one.name, one]));
    recipe.replaceChildren(...recipes.map(({ name }) => make("option", { value: name }, name)));
    recipe.value = known.has(FIRST) ? FIRST : recipes[0]?.name;
    setValues();
  }

  /** The chosen recipe's own values; one that counts epochs has no steps, and the other way round. */
  function setValues() {
    const chosen = known.get(recipe.value);
    for (const [name, input] of Object.entries(inputs)) {
      input.value = chosen[name] ?? "";
      input.closest("label").hidden = ["epochs", "steps"].includes(name) && chosen[name] === null;
    }
    describe();
  }

  function describe() {
    const chosen = known.get(recipe.value);
    if (!chosen) return;
    const claim = chosen.claim ? t("train.claim", { claim: chosen.claim }) : "";
    summary.textContent = [chosen.summary, claim].filter(Boolean).join(" · ");
    inputs.train_limit.placeholder = t("train.all");
  }

  /** What the server is asked for: the recipe, the settings that differ from its own, the seed. */
  function order() {
    const chosen = known.get(recipe.value);
    if (!chosen) return null;
    const changed = {};
    for (const [name, input] of Object.entries(inputs)) {
      const value = input.value.trim();
      if (value !== String(chosen[name] ?? "")) changed[name] = value || "none";
    }
    return { recipe: chosen.name, settings: changed, seed: Number(seed.value.trim() || "0") };
  }

  return { element, start, refuse: alert.refuse, fill, describe, order };
}
