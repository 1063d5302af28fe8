/** What the machine's hosts file holds of kt's. */

import { readFileSync } from "node:fs";
import { toKtError } from "#base/errors.ts";
import { blocksIn, type HostsBlock } from "#wire/hosts-block.ts";
import { machineHosts } from "./change-hosts.ts";

/** Throws KtError `file-unwritable`. */
export function readBlocks(): HostsBlock[] {
  try {
    return blocksIn(readFileSync(machineHosts.path, "latin1"));
  } catch (error) {
    throw toKtError(error, "file-unwritable", `read "${machineHosts.path}"`);
  }
}
