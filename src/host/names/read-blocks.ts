/** What the machine's hosts file holds of kt's, by the user whose names they are. */

import { readFileSync } from "node:fs";
import { toKtError } from "#base/errors.ts";
import { linesOfBlocks } from "#wire/hosts-block.ts";
import { machineHosts } from "./change-hosts.ts";

export function readBlocks(): ReturnType<typeof linesOfBlocks> {
  try {
    return linesOfBlocks(readFileSync(machineHosts.path, "latin1"));
  } catch (error) {
    throw toKtError(error, "file-unwritable", `read "${machineHosts.path}"`);
  }
}
