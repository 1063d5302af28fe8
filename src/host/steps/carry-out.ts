/** Makes the steps of `kt setup`, or takes them back. It may be killed at any time: the next one does or undoes what is left. */

import { chmod, copyFile, mkdir, rm, rmdir, writeFile } from "node:fs/promises";
import { KtError, toKtError } from "#base/errors.ts";
import { runTool, toolFailure } from "#native/service-manager.ts";
import { writeInOneStep } from "#native/write-in-one-step.ts";
import {
  besideOf,
  type CommandStep,
  type Direction,
  type FileStep,
  inOrder,
  isOthers,
  isPending,
  type SetupStep,
  type ValueStep,
} from "./setup-step.ts";

/** Throws KtError: the first that fails ends it, and what was done stays to be done again or undone. */
export async function carryOut(steps: readonly SetupStep[], direction: Direction): Promise<void> {
  for (const step of inOrder(steps, direction)) if (isPending(step, direction)) await carryOutOne(step, direction);
}

async function carryOutOne(step: SetupStep, direction: Direction): Promise<void> {
  if (step.kind === "command") return await runCommand(step);
  if (step.kind === "call") return step.run();
  try {
    if (step.kind === "value") await set(step, direction);
    else await (direction === "do" ? put(step) : take(step));
  } catch (error) {
    throw toKtError(error, "file-unwritable", `change "${step.path}"`);
  }
}

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));
const fileMode = 0o644;
const programMode = 0o755;

async function set({ path, value, otherwise }: ValueStep, direction: Direction): Promise<void> {
  await writeFile(path, `${direction === "do" ? value : otherwise}\n`);
}

/** By rename: a program that runs is not written to, and nothing reads half a file. */
async function put(step: FileStep): Promise<void> {
  await mkdir(folderOf(step.path), { recursive: true, mode: programMode });
  const write = async (fresh: string): Promise<void> => {
    if (step.kind === "file") await writeFile(fresh, step.text);
    else await copyFile(step.from, fresh);
    await chmod(fresh, step.kind === "file" ? fileMode : programMode);
  };
  await writeInOneStep(step.path, write, besideOf(step));
}

async function take(step: FileStep): Promise<void> {
  await rm(besideOf(step), { force: true });
  if (isOthers(step)) return;
  await rm(step.path, { force: true });
  // With other files in it, it stays.
  if (step.folder === "kt's") await rmdir(folderOf(step.path)).catch(() => {});
}

async function runCommand({ argv }: CommandStep): Promise<void> {
  const ran = await runTool(argv, process.env);
  if (ran.exitCode === 127) throw new KtError("service-unavailable", ran.stderr);
  if (ran.exitCode !== 0) throw toolFailure(argv, ran, []);
}
