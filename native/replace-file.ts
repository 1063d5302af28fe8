/** Gives a file another text so that no reader and no crash ever meets half of it. */

import { closeSync, existsSync, fsyncSync, openSync, readFileSync, realpathSync, renameSync, rmSync, statSync } from "node:fs";
import { spawnSync } from "bun";
import { KtError } from "#base/errors.ts";
import { systemCode } from "#base/system-error.ts";
import { besideOf, isHalfWritten, readJournal, writeJournal, writeWhole } from "./file-journal.ts";

export interface ReplacedFile {
  readonly path: string;
  /** A file that stands for the change while it is made where it is. */
  readonly journal: string;
}

/** Why a file cannot be made beside it and renamed: it is mounted there by itself, or nothing else may be written there. */
const inPlaceCodes: readonly string[] = ["EBUSY", "EXDEV", "EROFS", "EACCES"];

/**
 * By a new file beside it with the same owner, mode and attributes, renamed into its place; of a link, where it leads. In place where
 * that cannot be. `before` is what the file must still hold when it is renamed. False where it holds something else by then.
 */
export function replaceFile({ path, journal }: ReplacedFile, before: Uint8Array, after: Uint8Array): boolean {
  const real = realpathSync(path);
  const beside = besideOf(real);
  try {
    writeBeside(real, beside, after);
    if (!readFileSync(real).equals(before)) return false;
    renameSync(beside, real);
    syncFolder(real);
  } catch (error) {
    if (!inPlaceCodes.includes(systemCode(error) ?? "")) throw error;
    writeInPlace(real, journal, before, after);
  } finally {
    remove(beside);
  }
  return true;
}

/** Removes what a killed process left beside the file, and puts back what it has overwritten by half. */
export function finishReplacing({ path, journal }: ReplacedFile): void {
  const real = realpathSync(path);
  remove(besideOf(real));
  remove(besideOf(journal));
  if (!existsSync(journal)) return;
  const change = readJournal(journal);
  if (change && isHalfWritten(readFileSync(real), change)) withFile(real, "r+", (file) => writeWhole(file, change.before));
  remove(journal);
}

/** Where nothing may be written there is nothing of ours either. */
function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {}
}

function writeBeside(real: string, beside: string, text: Uint8Array): void {
  withFile(beside, "wx", (file) => {
    writeWhole(file, text);
    copyAttributes(real, beside);
    fsyncSync(file);
  });
}

/** Owner, mode, access control lists and security context: only cp of the GNU core utilities copies all of them. */
function copyAttributes(from: string, to: string): void {
  spawnSync(["cp", "--attributes-only", "--preserve=all", "--", from, to], { stdout: "ignore", stderr: "ignore" });
  const [wanted, got] = [statSync(from), statSync(to)];
  if (wanted.mode !== got.mode || wanted.uid !== got.uid || wanted.gid !== got.gid)
    throw new KtError("file-unwritable", `owner and mode of "${from}" cannot be given to a new file`);
}

/** A disk that fills up meanwhile leaves what was there, and a kill leaves the journal. */
function writeInPlace(real: string, journal: string, before: Uint8Array, after: Uint8Array): void {
  withFile(real, "r+", (file) => {
    writeJournal(journal, { before, after });
    try {
      writeWhole(file, after);
    } catch (error) {
      writeWhole(file, before);
      throw error;
    } finally {
      remove(journal);
    }
  });
}

function withFile(path: string, flags: string, work: (file: number) => void): void {
  const file = openSync(path, flags, 0o600);
  try {
    work(file);
  } finally {
    closeSync(file);
  }
}

function syncFolder(path: string): void {
  withFile(path.slice(0, path.lastIndexOf("/")) || "/", "r", fsyncSync);
}
