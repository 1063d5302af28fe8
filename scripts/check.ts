/** Checks format, lint, types, dead code and units; stays under 30 seconds. */

import { runTests } from "./counted-tests.ts";
import { countsLine, stepBeside, tool } from "./steps.ts";

async function units(): Promise<boolean> {
  // Most of them wait for sockets: on two cores four at a time take four fifths of the time of two.
  const options = ["--parallel=4", "--randomize", "--timeout=30000", "--only-failures"];
  const counts = await runTests([...options, "--path-ignore-patterns=test/integration/**"], []);
  console.log(countsLine(counts));
  return counts.failed === 0;
}

const results = await Promise.all([
  stepBeside("format and lint", tool("biome", "ci", `--colors=${process.stdout.isTTY ? "force" : "off"}`, ".")),
  stepBeside("types", tool("tsc", "--noEmit", "-p", ".")),
  stepBeside("types of what runs in browsers", tool("tsc", "--noEmit", "-p", "src/dashboard")),
  stepBeside("types in lint", tool("oxlint", "--type-aware")),
  stepBeside("dead code", tool("knip")),
  stepBeside("dead code of the program", tool("knip", "--production")),
]);
// After them: beside them, on a busy machine, a unit test ran out of time.
results.push(await units());

process.exit(results.every(Boolean) ? 0 : 1);
