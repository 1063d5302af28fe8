/** Runs the steps of a script, one after the other or at once, says how long each took, and stops at none. */

import { spawn } from "bun";

export const root: string = new URL("..", import.meta.url).pathname;

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** A tool that package.json pins, run under this Bun so that no Node is needed. */
export function tool(name: string, ...args: string[]): string[] {
  return [process.execPath, "--bun", "run", `node_modules/.bin/${name}`, ...args];
}

/** Runs one step, passing its output through. Resolves to whether it succeeded. */
export async function step(name: string, command: readonly string[], environment: Record<string, string> = {}): Promise<boolean> {
  const startedAt = performance.now();
  const child = spawn([...command], {
    cwd: root,
    env: { ...process.env, ...environment },
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  });
  return report(name, (await child.exited) === 0, startedAt);
}

/** As `step`, for steps at the same time: what it prints comes in one piece at its end. */
export async function stepBeside(name: string, command: readonly string[]): Promise<boolean> {
  const startedAt = performance.now();
  const child = spawn([...command], { cwd: root, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const printed = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  process.stdout.write(printed.join(""));
  return report(name, (await child.exited) === 0, startedAt);
}

function report(name: string, ok: boolean, startedAt: number): boolean {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${ok ? "ok  " : "FAIL"} ${name} (${seconds} s)`);
  return ok;
}

/** The line that every suite ends with. */
export function countsLine(counts: Counts): string {
  return `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;
}
