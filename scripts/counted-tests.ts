/** Runs `bun test`, passes its output through, and reads its counts. */

import { spawn } from "bun";
import { type Counts, root } from "./steps.ts";

/** Copies a stream to ours and keeps it. */
async function tee(from: ReadableStream<Uint8Array>, to: NodeJS.WriteStream): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of from) {
    to.write(bytes);
    text += decoder.decode(bytes, { stream: true });
  }
  return text;
}

function count(text: string, word: string): number {
  return Number(new RegExp(`^ *(\\d+) ${word}\\b`, "m").exec(text)?.[1] ?? 0);
}

/** A run that fails without a failed test (no tests, a crash, an unhandled error) counts as one failure. */
export async function runTests(
  args: readonly string[],
  environment: Record<string, string> = {},
  onStart?: (pid: number) => void,
): Promise<Counts> {
  const child = spawn([process.execPath, "test", ...args], {
    cwd: root,
    env: { ...process.env, NO_COLOR: "1", ...environment },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  onStart?.(child.pid);
  const [stdout, stderr, exitCode] = await Promise.all([
    tee(child.stdout, process.stdout),
    tee(child.stderr, process.stderr),
    child.exited,
  ]);
  const text = stdout + stderr;
  const failed = count(text, "fail");
  return { passed: count(text, "pass"), failed: exitCode === 0 ? failed : Math.max(1, failed), skipped: count(text, "skip") };
}
