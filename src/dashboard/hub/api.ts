/** Asks the API of the hub, and puts what goes wrong into KtErrors. */

import type { ErrorCode } from "#base/error-facts.ts";
import { KtError } from "#base/errors.ts";

export type Query = Readonly<Record<string, string | number | undefined>>;

/** `path` within the API: "pods". The shape of the answer is what the OpenAPI document says of it. Rejects with KtError. */
export async function read<Answer>(path: string, query: Query = {}, signal?: AbortSignal): Promise<Answer> {
  const response = await fetched(addressOf(path, query), { headers: { Accept: "application/json" }, ...(signal && { signal }) });
  return (await response.json()) as Answer;
}

/** Does something. Rejects with KtError. */
export async function post<Answer>(path: string, input: unknown): Promise<Answer> {
  const headers = { Accept: "application/json", "Content-Type": "application/json" };
  const response = await fetched(addressOf(path, {}), { method: "POST", headers, body: JSON.stringify(input) });
  return (await response.json()) as Answer;
}

export function addressOf(path: string, query: Query): string {
  const fields = Object.entries(query).flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, String(value)]]));
  const text = new URLSearchParams(fields).toString();
  return `/api/v1/${path}${text === "" ? "" : `?${text}`}`;
}

/** An answer of 200. Rejects with KtError, or with what the request was aborted with. */
export async function fetched(address: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(address, { ...init, credentials: "same-origin", cache: "no-store" });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new KtError("hub-unreachable", "kt is not running", { hints: ["kt up"] });
  }
  if (response.ok) return response;
  throw await errorOf(response);
}

async function errorOf(response: Response): Promise<KtError> {
  if (response.status === 401)
    return new KtError("token-required", "this page is not signed in to the kt that runs now", { hints: ["kt dashboard"] });
  try {
    const { error } = (await response.json()) as { error: { code: ErrorCode; message: string; hints: string[] } };
    return new KtError(error.code, error.message, { hints: error.hints });
  } catch {
    return new KtError("hub-failed", `the hub answered with status ${response.status}`);
  }
}
