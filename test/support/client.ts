/** Runs the Go client for what Bun has no API for. */

import { run } from "./cluster.ts";

const path = new URL("../../dist/e2e-client", import.meta.url).pathname;

/** Runs one mode and gives its JSON, whether it succeeded or holds an `error`. */
export async function goClient<T>(mode: string, port: number, ...flags: string[]): Promise<T & { readonly error?: string }> {
  return await goClientIn(undefined, mode, port, ...flags);
}

/** With an environment of its own. */
export async function goClientIn<T>(
  env: Readonly<Record<string, string>> | undefined,
  mode: string,
  port: number,
  ...flags: string[]
): Promise<T & { readonly error?: string }> {
  const ran = await run([path, mode, `127.0.0.1:${port}`, ...flags], env && { env });
  if (ran.stdout === "") throw new Error(`client ${mode}: ${ran.stderr}`);
  return JSON.parse(ran.stdout);
}
