/**
 * Shows one profile, and how current each part of it is: `npm start -- USER_ID`, from the gateway at GATEWAY_URL.
 * Where the gateway asks for access tokens, that in ACCESS_TOKEN is shown.
 */

import createClient from "openapi-fetch";

import type { components, paths } from "../generated/gateway.js";

type Schemas = components["schemas"];
type Profile = Schemas["Profile"];
type Provenance = Schemas["ProfileParts"][keyof Schemas["ProfileParts"]];

type Media = "application/json" | "application/problem+json"; // streams come by stream.ts

const UNKNOWN = "unknown"; // which is not the same as none

/** How current a part is. A status that is new in the document does not compile until it is told of here. */
function provenance(part: Provenance): string {
  switch (part.status) {
    case "fresh":
      return "fresh";
    case "stale":
      return `stale, ${Math.round(part.age)} s old: ${part.reason}`;
    case "partial":
      return `partial${part.age === undefined ? "" : `, up to ${Math.round(part.age)} s old`}: ${part.reason}`;
    case "missing":
      return `missing: ${part.reason}`;
    default:
      return part satisfies never;
  }
}

function* lines({ user, orders, products, metadata }: Profile): Generator<string> {
  const { parts } = metadata;
  yield `Profile of ${metadata.user_id}: ${metadata.partial ? "partial" : "complete"}`;
  yield `user: ${user?.full_name ?? UNKNOWN} (${provenance(parts.user)})`;
  yield `orders: ${orders?.length ?? UNKNOWN} (${provenance(parts.orders)})`;
  for (const order of orders ?? []) {
    const items = order.items.map((item) => `${item.quantity} x ${products?.[item.product_id]?.name ?? item.product_id}`);
    yield `  ${order.id}, ${order.status}, ${order.total_amount.toFixed(2)}: ${items.join(", ")}`;
  }
  yield `products: ${products === null ? UNKNOWN : Object.keys(products).length} (${provenance(parts.products)})`;
}

/** Why there is no profile; what stands between may answer too, with something else than a problem document. */
function refusal(problem: Schemas["ProblemDetails"] | undefined, response: Response): string {
  if (problem === undefined || !response.headers.get("content-type")?.startsWith("application/problem+json")) {
    return `HTTP ${response.status}`;
  }
  const wait = response.headers.get("retry-after");
  const again = wait === null ? "" : ` Try again in ${wait} s.`;
  return `${problem.title}: ${problem.detail}${again} (request ${problem.request_id ?? UNKNOWN})`;
}

async function main(userId: string | undefined): Promise<number> {
  if (userId === undefined) {
    console.error("usage: npm start -- USER_ID");
    return 2;
  }
  const baseUrl = process.env["GATEWAY_URL"] ?? "http://127.0.0.1:8000";
  const token = process.env["ACCESS_TOKEN"];
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  try {
    const { data, error, response } = await createClient<paths, Media>({ baseUrl, headers }).GET("/api/profile/{user_id}", {
      params: { path: { user_id: userId } },
      signal: AbortSignal.timeout(10_000),
    });
    if (data === undefined) {
      console.error(refusal(error, response));
      return 1;
    }
    if (!("products" in data)) throw new TypeError("a view came, which nobody asked for");
    for (const line of lines(data)) console.log(line);
    return 0;
  } catch (error) {
    console.error(`No answer of use from ${baseUrl}: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

process.exitCode = await main(process.argv[2]);
