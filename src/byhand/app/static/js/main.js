// The page: language, light or dark, and six tabs.

import * as back from "./tabs/back.js";
import * as draw from "./tabs/draw.js";
import * as look from "./tabs/look.js";
import * as page from "./tabs/page.js";
import * as runs from "./tabs/runs.js";
import * as train from "./tabs/train.js";
import { complain } from "./dom.js";
import { recall, refreshModels } from "./store.js";
import { LANGUAGES, begin, choose, current, onLanguage, t } from "./texts.js";

// Each tab gives mount(section), called once, and shown(), called whenever it comes to the front.
const TABS = { draw, look, back, train, page, runs };
const THEMES = ["auto", "light", "dark"];
const THEME = "byhand-theme";

const mounted = new Set();

function show(name, focus = false) {
  for (const other of Object.keys(TABS)) {
    const tab = document.getElementById(`tab-${other}`);
    const chosen = other === name;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    if (chosen && focus) tab.focus();
    if (chosen) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    document.getElementById(other).hidden = !chosen;
  }
  complain(null);
  if (!mounted.has(name)) {
    mounted.add(name);
    TABS[name].mount(document.getElementById(name));
  }
  TABS[name].shown?.();
  window.scrollTo(0, 0); // not to the section that the address names
  sayTitle();
}

function sayTitle() {
  const chosen = document.querySelector("[role=tab][aria-selected=true]");
  document.title = `${chosen.textContent} · byhand`;
}

/** The tab that the address names; null where it names another part of the page, or nothing. */
function wanted() {
  const name = location.hash.slice(1);
  return Object.hasOwn(TABS, name) ? name : null;
}

function setTheme(name) {
  localStorage.setItem(THEME, name);
  document.documentElement.dataset.theme = name;
  document.getElementById("theme").textContent = t(`theme.${name}`);
  document.dispatchEvent(new Event("themechange"));
}

function sayOptions() {
  const other = Object.keys(LANGUAGES).find((name) => name !== current());
  document.getElementById("language").textContent = LANGUAGES[other];
  document.getElementById("theme").textContent = t(`theme.${document.documentElement.dataset.theme}`);
}

async function main() {
  document.documentElement.dataset.theme = localStorage.getItem(THEME) ?? "auto";
  await begin();
  sayOptions();
  onLanguage(sayOptions);
  onLanguage(sayTitle);
  document.getElementById("language").onclick = () => {
    choose(Object.keys(LANGUAGES).find((name) => name !== current())).catch(complain);
  };
  document.getElementById("theme").onclick = () => {
    const now = THEMES.indexOf(document.documentElement.dataset.theme);
    setTheme(THEMES[(now + 1) % THEMES.length]);
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    document.dispatchEvent(new Event("themechange"));
  });
  const names = Object.keys(TABS);
  for (const name of names) {
    const tab = document.getElementById(`tab-${name}`);
    tab.onclick = () => {
      location.hash = name;
    };
    tab.onkeydown = (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const at = event.key === "Home" ? 0 : event.key === "End" ? names.length - 1 : undefined;
      if (by === undefined && at === undefined) return;
      event.preventDefault();
      const to = names[at ?? (names.indexOf(name) + by + names.length) % names.length];
      history.replaceState(null, "", `#${to}`);
      show(to, true);
    };
  }
  window.addEventListener("hashchange", () => {
    if (wanted()) show(wanted());
  });
  recall();
  show(wanted() ?? "draw");
  await refreshModels();
}

main().catch(complain);
