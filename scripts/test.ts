/** Runs the unit and integration tests, or those of the files that are named. */

import { runTests } from "./counted-tests.ts";
import { countsLine } from "./steps.ts";

const counts = await runTests(["--parallel", "--randomize", "--timeout=30000"], process.argv.slice(2));
console.log(countsLine(counts));
process.exit(counts.failed === 0 ? 0 : 1);
