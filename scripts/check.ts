/** Checks format, lint, types, dead code and units; stays under 30 seconds. */

import { runTests } from "./counted-tests.ts";
import { countsLine, step, tool } from "./steps.ts";

async function units(): Promise<boolean> {
  // Most of them wait for sockets: on two cores four at a time take four fifths of the time of two.
  const options = ["--parallel=4", "--randomize", "--timeout=30000", "--only-failures"];
  const counts = await runTests([...options, "--path-ignore-patterns=test/integration/**"], []);
  console.log(countsLine(counts));
  return counts.failed === 0;
}

const results = [
  await step("format and lint", tool("biome", "ci", ...(process.stdout.isTTY ? [] : ["--colors=off"]), ".")),
  await step("types", tool("tsc", "--noEmit", "-p", ".")),
  await step("types of what runs in browsers", tool("tsc", "--noEmit", "-p", "src/dashboard")),
  await step("types in lint", tool("oxlint", "--type-aware")),
  await step("dead code", tool("knip")),
  await step("dead code of the program", tool("knip", "--production")),
  await units(),
];

process.exit(results.every(Boolean) ? 0 : 1);
