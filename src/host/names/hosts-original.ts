/** A copy of the hosts file from before kt has changed it, in the user's home: for people, since kt itself needs none. */

import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { toKtError } from "#base/errors.ts";
import { withoutBlocks } from "#wire/hosts-block.ts";

export const originalIn = (home: string): string => `${home}/hosts.original`;

/** Written once, whole or not at all, and never again. Throws KtError `file-unwritable`. */
export function keepOriginal(hosts: string, copy: string): void {
  if (existsSync(copy)) return;
  const fresh = `${copy}.${process.pid}.new`;
  try {
    writeFileSync(
      fresh,
      Buffer.from(
        withoutBlocks(readFileSync(hosts, "latin1"), () => true),
        "latin1",
      ),
    );
    linkSync(fresh, copy);
  } catch (error) {
    if (!existsSync(copy)) throw toKtError(error, "file-unwritable", `copy "${hosts}" to "${copy}"`);
  } finally {
    rmSync(fresh, { force: true });
  }
}
