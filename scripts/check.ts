/** Checks format, lint, types, dead code and units; stays under 30 seconds. */

import { step, tool } from "./steps.ts";

const results = [
  await step("format and lint", tool("biome", "ci", ...(process.stdout.isTTY ? [] : ["--colors=off"]), ".")),
  await step("types", tool("tsc", "--noEmit", "-p", ".")),
  await step("types of what runs in browsers", tool("tsc", "--noEmit", "-p", "src/dashboard")),
  await step("types in lint", tool("oxlint", "--type-aware")),
  await step("dead code", tool("knip")),
  await step("dead code of the program", tool("knip", "--production")),
  await step("units", [
    process.execPath,
    "test",
    // Most of them wait for sockets: on two cores four at a time take four fifths of the time of two.
    "--parallel=4",
    "--randomize",
    "--timeout=30000",
    "--only-failures",
    "--path-ignore-patterns=test/integration/**",
  ]),
];

process.exit(results.every(Boolean) ? 0 : 1);
