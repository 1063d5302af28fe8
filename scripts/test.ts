/** Runs the unit and integration tests, or those of the files that are named. */

import { runTests } from "./counted-tests.ts";
import { countsLine } from "./steps.ts";

// Concurrent tests start programs: twenty at once, as Bun has it, starve each other past their deadlines on a busy machine.
const options = ["--parallel", "--max-concurrency=4", "--randomize", "--timeout=30000"];
const counts = await runTests(options, process.argv.slice(2));
console.log(countsLine(counts));
process.exit(counts.failed === 0 ? 0 : 1);
