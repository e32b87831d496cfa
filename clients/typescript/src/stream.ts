/**
 * Streams of aggregates, by JSON lines, as docs/streams.md specifies them: no generator makes these. Types are those of the
 * document; `stream<Profile>(url)` knows the value and the provenance of each part by its name.
 */

import type { components } from "../generated/gateway.js";

type Problem = components["schemas"]["ProblemDetails"];
type Aggregate = { metadata: { parts: object } };
type Parts<A extends Aggregate> = A["metadata"]["parts"];
type Part<A extends Aggregate> = {
  [N in keyof Parts<A> & keyof A]: { name: N; provenance: Parts<A>[N]; value: A[N] };
}[keyof Parts<A> & keyof A];

export type Told<A extends Aggregate> =
  | { event: "begin"; data: { parts: (keyof Parts<A>)[]; live: boolean } }
  | { event: "part"; data: Part<A> }
  | { event: "complete"; id?: string; data: { metadata: A["metadata"]; etag: string | null; unchanged?: true } }
  | { event: "end"; data: { reason: string; problem?: Problem; retry?: number } };

export interface Options {
  /** Gives the access token of each connection, or nothing. */
  token?: () => string | undefined;
  /** The id of a state at hand. */
  lastEventId?: string;
  /** Ends it, with an `AbortError`. */
  signal?: AbortSignal;
}

const SILENCE_MS = 45_000; // three heartbeats
const AT_ONCE = new Set(["limit", "expired"]);
const FOR_GOOD = new Set(["done", "revoked"]);
const passes = (status: number) => status === 429 || status >= 500;

/** There is no stream, and why. `waitMs` says when there may be one, if there may. */
export class Refused extends Error {
  readonly waitMs: number | undefined;

  constructor(readonly response: Response, readonly problem?: Problem) {
    super(problem?.detail ?? `HTTP ${response.status}`);
    this.waitMs = passes(response.status) ? 1000 * (Number(response.headers.get("retry-after")) || 0) : undefined;
  }
}

/** All that is told, until it is told for good; connects again whenever there is more to come, and says what it has. */
export async function* stream<A extends Aggregate>(url: string | URL, options: Options = {}): AsyncGenerator<Told<A>, void> {
  let { lastEventId } = options;
  for (let cuts = 0; ; ) {
    let waitMs: number | undefined;
    try {
      for await (const told of connected<A>(url, options, lastEventId)) {
        cuts = 0;
        if (told.event === "part" || told.event === "complete") lastEventId = "id" in told ? told.id : undefined;
        yield told;
        if (told.event !== "end") continue;
        const { reason, retry, problem } = told.data;
        if (retry === undefined && (FOR_GOOD.has(reason) || (problem && !passes(problem.status)))) return;
        waitMs = retry ?? (AT_ONCE.has(reason) ? 0 : undefined);
      }
    } catch (error) {
      if (options.signal?.aborted) throw error;
      if (error instanceof Refused) {
        if (error.response.status === 204) return;
        if (error.waitMs === undefined) throw error;
        waitMs = Math.max(error.waitMs, backOff(cuts++));
      }
    }
    await pause(waitMs ?? backOff(cuts++), options.signal);
  }
}

/** What is told over one connection, until that ends, or is silent for too long. */
async function* connected<A extends Aggregate>(
  url: string | URL,
  { token, signal }: Options,
  lastEventId: string | undefined,
): AsyncGenerator<Told<A>, void> {
  const shown = token?.();
  const headers = {
    Accept: "application/jsonl",
    ...(shown && { Authorization: `Bearer ${shown}` }),
    ...(lastEventId && { "Last-Event-ID": lastEventId }),
  };
  const cut = new AbortController();
  const abort = () => cut.abort(signal?.reason);
  let timer = setTimeout(abort, SILENCE_MS);
  signal?.addEventListener("abort", abort);
  try {
    signal?.throwIfAborted();
    const response = await fetch(url, { headers, signal: cut.signal });
    const isStream = response.status === 200 && response.headers.get("content-type")?.split(";")[0] === headers.Accept;
    if (!isStream || !response.body) {
      throw new Refused(response, (await response.json().catch(() => undefined)) as Problem | undefined);
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let unread = "";
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      clearTimeout(timer);
      timer = setTimeout(abort, SILENCE_MS);
      const lines = (unread + piece.value).split("\n");
      unread = lines.pop()!;
      yield* lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Told<A>);
    }
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
    cut.abort();
  }
}

const backOff = (cuts: number) => Math.random() * Math.min(30_000, 1000 * 2 ** cuts);

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const left = () => (clearTimeout(timer), reject(signal?.reason));
    const timer = setTimeout(() => (signal?.removeEventListener("abort", left), resolve()), ms);
    signal?.addEventListener("abort", left, { once: true });
  });
}
