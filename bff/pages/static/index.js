"use strict";

const REFRESH_MS = 3000;
const PATIENCE_MS = 5000;
const numbers = new Intl.NumberFormat("en");
const FORMATS = {
  bytes: (value) => `${(value / 2 ** 20).toFixed(value < 10 * 2 ** 20 ? 2 : 0)} MiB`,
  hit_ratio: (value) => `${(value * 100).toFixed(1)} %`,
  lag_ms: (value) => `${value} ms`,
};
const LABELS = { bytes: "size", lag_ms: "lag" };

const byId = (id) => document.getElementById(id);
const spaced = (name) => name.replaceAll("_", " ");

function cloned(template, texts) {
  const made = byId(template).content.cloneNode(true);
  for (const [selector, text] of Object.entries(texts)) made.querySelector(selector).textContent = text;
  return made;
}

function showState(element, state) {
  element.textContent = spaced(state);
  element.dataset.state = state;
}

function service([name, state], { healthy, of } = { of: 1 }) {
  const made = cloned("service", { ".name": spaced(name) + (of === 1 ? "" : `, ${healthy} of ${of}`) });
  showState(made.querySelector(".state"), state);
  return made;
}

function figure([name, value]) {
  const text = value === null ? "–" : (FORMATS[name] ?? numbers.format)(value);
  return cloned("figure", { dt: LABELS[name] ?? spaced(name), dd: text });
}

function tier([name, { state, ...figures }]) {
  const made = cloned("tier", { ".name": `${spaced(name)} cache` });
  showState(made.querySelector(".state"), state);
  made.querySelector("dl").append(...Object.entries(figures).map(figure));
  return made;
}

async function read(path) {
  const answer = await fetch(path, {
    headers: { Accept: "application/json" },
    cache: "no-store",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  return answer.json();
}

async function refresh() {
  try {
    const [health, stats] = await Promise.all([read("/health"), read("/api/cache/stats")]);
    byId("services").replaceChildren(...Object.entries(health.services).map((one) => service(one, health.instances[one[0]])));
    const [services] = byId("state").children;
    byId("state").replaceChildren(services, ...Object.entries(stats.tiers).map(tier));
    delete byId("state").dataset.old;
    byId("at").dateTime = health.timestamp;
    byId("at").textContent = new Date(health.timestamp).toLocaleTimeString();
    tell(health.status);
  } catch {
    byId("state").dataset.old = "";
    tell("unreachable");
  }
}

function tell(state) {
  if (byId("status").dataset.state !== state) showState(byId("status"), state); // else it would be read out again
}

let timer;

async function keepFresh() {
  clearTimeout(timer);
  if (!document.hidden) await refresh();
  timer = setTimeout(keepFresh, REFRESH_MS);
}

function pathOf(form) {
  const given = new FormData(form);
  return form.dataset.path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(given.get(name)));
}

function submit(event) {
  event.preventDefault();
  if (event.submitter?.name === "watch") start(event.target);
  else location.assign(pathOf(event.target));
}

for (const form of document.forms) form.addEventListener("submit", submit);
document.addEventListener("visibilitychange", keepFresh);
keepFresh();
