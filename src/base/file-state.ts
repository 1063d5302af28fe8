/** What a file holds, in a few characters: to find out later whether it is still what was consented to. */

import { realpathSync, statSync } from "node:fs";
import { CryptoHasher } from "bun";
import { sharedLimits } from "./limits.ts";
import { readRegularFile } from "./regular-file.ts";

/** Empty where nothing can be read. For a file that is too large to be read whole: its size and times, which change when it is written. */
export function contentState(path: string): string {
  try {
    const { size, mtimeMs } = statSync(path);
    if (size > sharedLimits.kubeconfigBytes) return `${size} bytes of ${mtimeMs}`;
    const { bytes } = readRegularFile(path, { mostBytes: sharedLimits.kubeconfigBytes, code: "internal" });
    return new CryptoHasher("sha256").update(bytes).digest("hex");
  } catch {
    return "";
  }
}

/** Whether it still has the state: a content, or where a link leads. */
export function hasState(path: string, state: string): boolean {
  return state.startsWith("/") ? targetOf(path) === state : contentState(path) === state;
}

function targetOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
