/** A small file in a folder of state, which is whole at any time, also after the power was cut. */

import { open, readFile } from "node:fs/promises";
import { KtError } from "#base/errors.ts";
import { systemCode, systemReason } from "#base/system-error.ts";
import { writeInOneStep } from "./write-in-one-step.ts";

/** Of a key, or of remembered endpoints. */
const mostChars = 64 * 1024;

/** Undefined where there is none. Throws KtError `state-failed`. */
export async function readKept(path: string): Promise<string | undefined> {
  try {
    const text = await readFile(path, "utf8");
    if (text.length > mostChars) throw new KtError("state-failed", `"${path}" is too large to be kt's`);
    return text;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error instanceof KtError ? error : new KtError("state-failed", `"${path}" cannot be read: ${systemReason(error)}`);
  }
}

/** Throws KtError `state-failed`. */
export async function keep(path: string, text: string, mode: number): Promise<void> {
  try {
    await writeInOneStep(path, async (fresh) => {
      const file = await open(fresh, "w", mode);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
    });
  } catch (error) {
    throw new KtError("state-failed", `"${path}" cannot be written: ${systemReason(error)}`);
  }
}
