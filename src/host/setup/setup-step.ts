/** The steps by which `kt setup` changes the machine, each of which can be undone without a record of it. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod, copyFile, mkdir, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { KtError, toKtError } from "#base/errors.ts";
import { runTool, toolFailure } from "#native/service-manager.ts";

/** `do` is made when the machine is set up, `undo` when it is taken back; either may be nothing. */
export type SetupStep =
  /** A file of kt's own. */
  | { readonly kind: "file"; readonly path: string; readonly text: string }
  /** A copy of a program. It stays while its folder of users has another one of such names than `user`. */
  | { readonly kind: "copy"; readonly path: string; readonly from: string; readonly users: SharedBy }
  | { readonly kind: "command"; readonly on: "do" | "undo"; readonly argv: readonly string[] }
  | { readonly kind: "call"; readonly on: "do" | "undo"; readonly what: string; readonly run: () => void };

interface SharedBy {
  readonly folder: string;
  readonly name: RegExp;
  readonly own: string;
}

export type Direction = "do" | "undo";

/** Whether every file is as the steps would leave it. */
export function isDone(steps: readonly SetupStep[], direction: Direction): boolean {
  const files = steps.filter((step): step is FileStep => step.kind === "file" || step.kind === "copy");
  return files.every((step) => describe(step, direction).length === 0);
}

/** What the steps would change now, in lines for people; a file that is as it should be is left out. */
export function describeSteps(steps: readonly SetupStep[], direction: Direction): string[] {
  return inOrder(steps, direction).flatMap((step) => describe(step, direction));
}

function inOrder(steps: readonly SetupStep[], direction: Direction): readonly SetupStep[] {
  return direction === "do" ? steps : steps.toReversed();
}

function describe(step: SetupStep, direction: Direction): string[] {
  if (step.kind === "command") return step.on === direction ? [`run ${step.argv.join(" ")}`] : [];
  if (step.kind === "call") return step.on === direction ? [step.what] : [];
  if (direction === "undo") return existsSync(step.path) && !isOthers(step) ? [`remove ${step.path}`] : [];
  if (isPut(step)) return [];
  if (step.kind === "copy") return [`copy ${step.from} to ${step.path}`];
  return [
    `write ${step.path}`,
    ...step.text
      .trimEnd()
      .split("\n")
      .map((line) => `    ${line}`),
  ];
}

/** Throws KtError: the first that fails ends it, and what was done stays to be done again or undone. */
export async function carryOut(steps: readonly SetupStep[], direction: Direction): Promise<void> {
  for (const step of inOrder(steps, direction)) await carryOutOne(step, direction);
}

async function carryOutOne(step: SetupStep, direction: Direction): Promise<void> {
  if (step.kind === "command") return step.on === direction ? await runCommand(step.argv) : undefined;
  if (step.kind === "call") return step.on === direction ? step.run() : undefined;
  try {
    await (direction === "do" ? put(step) : take(step));
  } catch (error) {
    throw toKtError(error, "file-unwritable", `change "${step.path}"`);
  }
}

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));
const fileMode = 0o644;
const programMode = 0o755;

type FileStep = Extract<SetupStep, { kind: "file" | "copy" }>;

/** By rename: a program that runs is not written to, and nothing reads half a file. */
async function put(step: FileStep): Promise<void> {
  await mkdir(folderOf(step.path), { recursive: true, mode: programMode });
  const beside = `${step.path}.kt-new`;
  if (step.kind === "file") await writeFile(beside, step.text);
  else await copyFile(step.from, beside);
  await chmod(beside, step.kind === "file" ? fileMode : programMode);
  await rename(beside, step.path);
}

async function take(step: FileStep): Promise<void> {
  if (isOthers(step)) return;
  await rm(step.path, { force: true });
  // A folder that kt made is empty now; one of the system's is not.
  if (step.kind === "copy") await rmdir(folderOf(step.path)).catch(() => {});
}

function isPut(step: FileStep): boolean {
  try {
    return step.kind === "file" ? readFileSync(step.path, "utf8") === step.text : readFileSync(step.path).equals(readFileSync(step.from));
  } catch {
    return false;
  }
}

/** Another user's set-up still needs it. */
function isOthers(step: FileStep): boolean {
  if (step.kind === "file") return false;
  const { folder, name, own } = step.users;
  return existsSync(folder) && readdirSync(folder).some((each) => each !== own && name.test(each));
}

async function runCommand(argv: readonly string[]): Promise<void> {
  const ran = await runTool(argv, process.env);
  if (ran.exitCode === 127)
    throw new KtError("service-unavailable", `there is no systemd here: ${ran.stderr}`, { hints: ["kt run -- COMMAND needs none"] });
  if (ran.exitCode !== 0) throw toolFailure(argv, ran, []);
}
