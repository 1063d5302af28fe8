/** Starts the CLI and turns its result into an exit code. */

import { runCli } from "#cli/main.ts";

process.exit(await runCli(process.argv.slice(2)));
