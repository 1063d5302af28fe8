/** Runs `bun test`, passes its output through, and reads its counts; what failed is tried once more, alone, and said to be unsteady if it passes. */

import { spawn } from "bun";
import { type Counts, root } from "./steps.ts";

/** More files than this failing at once have a common cause: nothing is tried again. */
const maxFilesTriedAgain = 3;

export interface Failure {
  file: string;
  test: string;
}

interface Run extends Counts {
  failures: readonly Failure[];
}

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

/** The tests that `bun test` says have failed, with their files: a line `path:` stands before the tests of a file. */
export function failuresIn(output: string): Failure[] {
  const failures: Failure[] = [];
  let file = "";
  for (const line of output.split("\n")) {
    if (/^\d+ tests? failed:$/.test(line)) break; // what follows repeats them, without their files
    file = /^(\S+\.(?:test|e2e)\.ts):$/.exec(line)?.[1] ?? file;
    const test = /^\(fail\) (.*?)(?: \[[\d.]+ms\])?$/.exec(line)?.[1];
    if (test !== undefined) failures.push({ file, test });
  }
  return failures;
}

/** A run that fails without a failed test (no tests, a crash, an unhandled error) counts as one failure. */
async function runOnce(args: readonly string[], environment: Record<string, string>, onStart?: (pid: number) => void): Promise<Run> {
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
  return {
    passed: count(text, "pass"),
    failed: exitCode === 0 ? failed : Math.max(1, failed),
    skipped: count(text, "skip"),
    failures: failuresIn(stderr),
  };
}

/**
 * Runs test files, and those in which a test failed once more, alone. A test that fails both times has failed; one that then passes is
 * printed as unsteady, since it is a fault of the test or of kt that only shows at times.
 *
 * @param options of `bun test`
 * @param files paths, or none for all
 */
export async function runTests(
  options: readonly string[],
  files: readonly string[],
  environment: Record<string, string> = {},
  onStart?: (pid: number) => void,
): Promise<Counts> {
  const first = await runOnce([...options, ...files], environment, onStart);
  const failedFiles = [...new Set(first.failures.map(({ file }) => file))].filter((file) => file !== "");
  const unexplained = first.failures.length !== first.failed;
  if (failedFiles.length === 0 || failedFiles.length > maxFilesTriedAgain || unexplained) return first;
  console.log(`once more, alone: ${failedFiles.join(" ")}`);
  const again = await runOnce([...options, ...failedFiles.map((file) => `./${file}`)], environment, onStart);
  if (again.failed > 0) return first;
  for (const { file, test } of first.failures) console.log(`unsteady: ${file}: ${test}`);
  return { passed: first.passed + first.failed, failed: 0, skipped: first.skipped };
}
