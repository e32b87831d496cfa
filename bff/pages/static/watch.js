"use strict";

// A client of the live streams that docs/streams.md specifies; its section 9 says what to do when one ends.

const SILENCE_MS = 45_000; // three heartbeats
const LONGEST_MS = 30_000;
const KEPT_LINES = 50;
const AT_ONCE = new Set(["limit", "expired"]);
const FOR_GOOD = new Set(["done", "revoked"]);

const REASONS = {
  expired: "the access token has expired",
  revoked: "the access token was revoked",
  limit: "open for as long as a stream may be",
  drain: "the gateway is leaving",
};

const clock = (at = new Date()) =>
  at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });

const passes = (status) => status === 429 || status >= 500;

class Refused extends Error {
  constructor(answer, problem) {
    super(`${problem.title ?? `HTTP ${answer.status}`}: ${problem.detail ?? "no stream"}`);
    const wait = Number(answer.headers.get("retry-after"));
    this.waitMs = passes(answer.status) ? wait * 1000 : undefined;
  }
}

async function* lines(body, heard) {
  let unread = "";
  for await (const piece of pieces(body.pipeThrough(new TextDecoderStream()).getReader())) {
    heard();
    const whole = (unread + piece).split("\n");
    unread = whole.pop();
    yield* whole.filter((line) => line !== "").map((line) => JSON.parse(line));
  }
}

async function* pieces(reader) {
  for (let one = await reader.read(); !one.done; one = await reader.read()) yield one.value;
}

async function* stream(path, headers, signal) {
  const silence = new AbortController();
  let timer;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE_MS);
  };
  heard();
  try {
    const both = AbortSignal.any([signal, silence.signal]);
    const answer = await fetch(path, { headers, cache: "no-store", signal: both });
    const isStream = answer.status === 200 && answer.headers.get("content-type")?.startsWith(headers.Accept);
    if (!isStream) throw new Refused(answer, await answer.json().catch(() => ({})));
    yield* lines(answer.body, heard);
  } finally {
    clearTimeout(timer);
  }
}

async function watch(path, token, view, signal) {
  const headers = { Accept: "application/jsonl" };
  for (let cuts = 0; !signal.aborted; ) {
    let waitMs;
    view.ask();
    try {
      delete headers.Authorization; // it may have been taken back since
      if (token()) headers.Authorization = `Bearer ${token()}`;
      for await (const { event, id, data } of stream(path, headers, signal)) {
        cuts = 0;
        if (event === "part" || event === "complete") delete headers["Last-Event-ID"];
        if (event === "complete" && id) headers["Last-Event-ID"] = id;
        view[event]?.(data);
        if (event !== "end") continue;
        waitMs = data.retry ?? (AT_ONCE.has(data.reason) ? 0 : undefined);
        if (waitMs === undefined && (FOR_GOOD.has(data.reason) || (data.problem && !passes(data.problem.status)))) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused) view.refused(error);
      if (error instanceof Refused && error.waitMs === undefined) return;
      waitMs = error.waitMs && Math.max(error.waitMs, backOff(cuts++));
    }
    waitMs ??= backOff(cuts++);
    view.wait(waitMs);
    await pause(waitMs, signal);
  }
}

const backOff = (cuts) => Math.random() * Math.min(LONGEST_MS, 1000 * 2 ** cuts);

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => resolve(clearTimeout(timer)), { once: true });
  });
}

class View {
  constructor(subject) {
    this.cards = new Map();
    byId("subject").textContent = subject;
    byId("parts").replaceChildren();
    byId("came").replaceChildren();
    byId("watched").hidden = false;
  }

  ask() {
    this.asked = performance.now();
    this.begun = false;
    this.is("asking");
  }

  begin({ parts }) {
    if ([...this.cards.keys()].join() === parts.join()) return;
    this.cards = new Map(parts.map((name) => [name, cloned("part", { ".name": spaced(name) }).firstElementChild]));
    byId("parts").replaceChildren(...this.cards.values());
    for (const card of this.cards.values()) showState(card.querySelector(".state"), "waiting");
  }

  part({ name, provenance: { status, reason, age }, value }) {
    const card = this.cards.get(name);
    if (card === undefined) return;
    const why = [reason && spaced(reason), age !== undefined && `${Math.round(age)} s old`].filter(Boolean).join(", ");
    const when = this.begun ? `changed at ${clock()}` : `after ${(performance.now() - this.asked).toFixed(1)} ms`;
    showState(card.querySelector(".state"), status);
    card.querySelector(".when").textContent = when;
    card.querySelector(".why").textContent = why;
    card.querySelector("pre").textContent = JSON.stringify(value, null, 2);
    for (const arrival of card.getAnimations()) arrival.currentTime = 0;
    this.came(`${spaced(name)} ${status}${why && ` (${why})`}, ${when}`);
  }

  complete({ metadata, unchanged }) {
    const what = unchanged ? "unchanged" : metadata.partial ? "partial" : "complete";
    const when = this.begun ? "" : `, after ${(performance.now() - this.asked).toFixed(1)} ms`;
    this.begun = true;
    this.is("live");
    this.tell(`${what}${when}; as of ${clock(new Date(metadata.aggregated_at))}`);
  }

  end({ reason, problem }) {
    this.is(problem ? "refused" : "ended");
    this.tell(problem ? `${problem.title}: ${problem.detail}` : (REASONS[reason] ?? spaced(reason)));
  }

  refused(error) {
    this.is("refused");
    this.tell(error.message);
  }

  wait(ms) {
    this.is("coming back");
    this.came(`coming back in ${(ms / 1000).toFixed(1)} s`);
  }

  stopped() {
    if (byId("stream").dataset.state !== "refused") this.is("ended");
    byId("stop").hidden = true;
  }

  is(state) {
    byId("watched").dataset.stream = state;
    byId("stop").hidden = false;
    showState(byId("stream"), state);
  }

  tell(what) {
    byId("told").textContent = what;
    this.came(what);
  }

  came(what) {
    const line = document.createElement("li");
    line.textContent = `${clock()} ${what}`;
    byId("came").prepend(line);
    while (byId("came").childElementCount > KEPT_LINES) byId("came").lastElementChild.remove();
  }
}

let watching = new AbortController();

async function start(form) {
  watching.abort();
  watching = new AbortController();
  const { signal } = watching;
  const view = new View([...new FormData(form).values()].join(" "));
  await watch(`${pathOf(form)}?live=true`, () => byId("token")?.value, view, signal);
  if (watching.signal === signal) view.stopped();
}

byId("stop").addEventListener("click", () => watching.abort());
