/** A small file in the folder of an edge's state, which is whole at any time, also after its power was cut. */

import { open, readFile } from "node:fs/promises";
import { KtError } from "#base/errors.ts";
import { systemCode, systemReason } from "#base/system-error.ts";
import { writeInOneStep } from "#native/write-in-one-step.ts";
import { wireGuardLimits } from "./limits.ts";

/** Undefined where there is none. Throws KtError `wireguard-failed`. */
export async function readKept(path: string): Promise<string | undefined> {
  try {
    const text = await readFile(path, "utf8");
    if (text.length > wireGuardLimits.fileChars) throw new KtError("wireguard-failed", `"${path}" is too large to be kt's`);
    return text;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error instanceof KtError ? error : new KtError("wireguard-failed", `"${path}" cannot be read: ${systemReason(error)}`);
  }
}

/** Throws KtError `wireguard-failed`. */
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
    throw new KtError("wireguard-failed", `"${path}" cannot be written: ${systemReason(error)}`);
  }
}
