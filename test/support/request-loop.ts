/** Clients that request one after the other for as long as something is being done to the cluster. */

import type { Kt } from "./kt.ts";

export interface Answer {
  /** 0 when the connection failed instead. */
  readonly status: number;
  readonly text: string;
  readonly pod: string | undefined;
  readonly startedAtMs: number;
  readonly tookMs: number;
}

async function ask(kt: Kt, host: string, path: string): Promise<Answer> {
  const startedAtMs = performance.now();
  try {
    const response = await kt.fetch(host, path);
    const text = await response.text();
    const tookMs = performance.now() - startedAtMs;
    return { status: response.status, text, pod: response.headers.get("x-pod") ?? undefined, startedAtMs, tookMs };
  } catch (error) {
    return { status: 0, text: String(error), pod: undefined, startedAtMs, tookMs: performance.now() - startedAtMs };
  }
}

/** Keeps `clients` clients asking, each on a new connection, until `during` has ended; gives every answer in order of its end. */
export async function askWhile(kt: Kt, host: string, path: string, clients: number, during: () => Promise<void>): Promise<Answer[]> {
  const answers: Answer[] = [];
  let over = false;
  const loop = async (): Promise<void> => {
    while (!over) answers.push(await ask(kt, host, path));
  };
  const loops = Array.from({ length: clients }, loop);
  try {
    await during();
  } finally {
    over = true;
  }
  await Promise.all(loops);
  return answers;
}
