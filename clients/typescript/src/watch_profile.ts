/**
 * Shows one profile as it arrives, and as it changes: `npm run watch -- USER_ID`, from the gateway at GATEWAY_URL, until
 * Ctrl-C. Where the gateway asks for access tokens, that in ACCESS_TOKEN is shown.
 */

import type { components } from "../generated/gateway.js";
import { Refused, stream, type Told } from "./stream.js";

type Profile = components["schemas"]["Profile"];

function line(told: Told<Profile>): string {
  switch (told.event) {
    case "begin":
      return `parts: ${told.data.parts.join(", ")}`;
    case "part":
      return `${told.data.name}: ${summary(told.data)} (${told.data.provenance.status})`;
    case "complete":
      return told.data.unchanged ? "unchanged" : told.data.metadata.partial ? "partial" : "complete";
    case "end":
      return `end: ${told.data.problem?.detail ?? told.data.reason}`;
    default:
      return `(${(told satisfies never as { event: string }).event})`; // of a later version
  }
}

function summary(part: Extract<Told<Profile>, { event: "part" }>["data"]): string {
  if (part.value === null) return "unknown";
  switch (part.name) {
    case "user":
      return part.value.full_name;
    case "orders":
      return String(part.value.length);
    case "products":
      return String(Object.keys(part.value).length);
  }
}

async function main(userId: string | undefined): Promise<number> {
  if (userId === undefined) {
    console.error("usage: npm run watch -- USER_ID");
    return 2;
  }
  const baseUrl = process.env["GATEWAY_URL"] ?? "http://127.0.0.1:8000";
  const url = `${baseUrl}/api/profile/${encodeURIComponent(userId)}?live=true`;
  try {
    for await (const told of stream<Profile>(url, { token: () => process.env["ACCESS_TOKEN"] })) console.log(line(told));
    return 0;
  } catch (error) {
    const why = error instanceof Refused ? (error.problem?.title ?? "No stream") : "No stream";
    console.error(`${why}: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

process.exitCode = await main(process.argv[2]);
