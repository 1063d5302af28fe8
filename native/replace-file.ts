/** Gives a file another text so that no reader and no crash ever meets half of it. */

import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { spawnSync } from "bun";
import { KtError } from "#base/errors.ts";

/** Why a file cannot be made beside it and renamed: it is mounted there by itself, or nothing else may be written there. */
const inPlaceCodes: readonly unknown[] = ["EBUSY", "EXDEV", "EROFS", "EACCES"];

/**
 * By a new file beside it with the same owner, mode and attributes, renamed into its place; of a link, where it leads. In place where
 * that cannot be. `before` is what the file must still hold when it is renamed. False where it holds something else by then.
 */
export function replaceFile(path: string, before: Uint8Array, after: Uint8Array): boolean {
  const real = realpathSync(path);
  const beside = `${real}.kt-new`;
  try {
    writeBeside(real, beside, after);
    if (!readFileSync(real).equals(before)) return false;
    renameSync(beside, real);
    syncFolder(real);
  } catch (error) {
    if (!inPlaceCodes.includes(error instanceof Error && "code" in error ? error.code : undefined)) throw error;
    writeInPlace(real, before, after);
  } finally {
    remove(beside);
  }
  return true;
}

/** Where nothing may be written there is nothing of ours either. */
function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {}
}

function writeBeside(real: string, beside: string, text: Uint8Array): void {
  // What a killed process left there is nothing that anything reads.
  remove(beside);
  const file = openSync(beside, "wx", 0o600);
  try {
    writeWhole(file, text);
    copyAttributes(real, beside);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Owner, mode, access control lists and security context: only cp of the GNU core utilities copies all of them. */
function copyAttributes(from: string, to: string): void {
  spawnSync(["cp", "--attributes-only", "--preserve=all", "--", from, to], { stdout: "ignore", stderr: "ignore" });
  const [wanted, got] = [statSync(from), statSync(to)];
  if (wanted.mode !== got.mode || wanted.uid !== got.uid || wanted.gid !== got.gid)
    throw new KtError("file-unwritable", `owner and mode of "${from}" cannot be given to a new file`);
}

/** A disk that fills up meanwhile leaves what was there. */
function writeInPlace(real: string, before: Uint8Array, after: Uint8Array): void {
  const file = openSync(real, "r+");
  try {
    writeWhole(file, after);
  } catch (error) {
    writeWhole(file, before);
    throw error;
  } finally {
    closeSync(file);
  }
}

function writeWhole(file: number, text: Uint8Array): void {
  for (let at = 0; at < text.length; ) at += writeSync(file, text, at, text.length - at, at);
  ftruncateSync(file, text.length);
  fsyncSync(file);
}

function syncFolder(path: string): void {
  const folder = openSync(path.slice(0, path.lastIndexOf("/")) || "/", "r");
  fsyncSync(folder);
  closeSync(folder);
}
