/** The steps by which `kt setup` changes the machine, each of which can be undone without a record of it. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { shellQuoted } from "#base/shell.ts";
import { kernelText } from "#native/kernel-text.ts";
import { sameContent } from "#native/same-content.ts";

/** In one direction a step may be nothing. */
export type SetupStep = FileStep | ValueStep | CommandStep | CallStep;

export type Direction = "do" | "undo";

/** A file of kt's own, or a copy of a program. */
export type FileStep =
  | { readonly kind: "file"; readonly path: string; readonly text: string; readonly folder: FolderKind }
  /** It stays while its folder of users has another one of such names than `own`. */
  | { readonly kind: "copy"; readonly path: string; readonly from: string; readonly users: SharedBy; readonly folder: FolderKind };

/** One that only kt needs is made, and removed with its last file. */
export type FolderKind = "system's" | "kt's";

/** A setting of the running kernel; what it is at the next start is in files. */
export interface ValueStep {
  readonly kind: "value";
  readonly name: string;
  readonly path: string;
  readonly value: string;
  /** What the machine's other files say. */
  readonly otherwise: string;
}

export interface CommandStep {
  readonly kind: "command";
  readonly on: Direction;
  readonly argv: readonly string[];
  readonly isNeeded?: IsNeeded;
}

export interface CallStep {
  readonly kind: "call";
  readonly on: Direction;
  readonly what: string;
  readonly run: () => void;
  readonly isNeeded?: IsNeeded;
}

/** False where it would change nothing; without it a step is made beside others, and does not count by itself. */
type IsNeeded = () => boolean;

interface SharedBy {
  readonly folder: string;
  readonly name: RegExp;
  readonly own: string;
}

/** Whether the machine is as the steps would leave it: also after a kill in the middle of them. */
export function isDone(steps: readonly SetupStep[], direction: Direction): boolean {
  return steps.every((step) => {
    if (step.kind === "command" || step.kind === "call") return step.on !== direction || step.isNeeded?.() !== true;
    // Without a file of kt's beside it a value is another's.
    return (step.kind === "value" && direction === "undo") || !isPending(step, direction);
  });
}

/** What the steps would change now, in lines for people; what is as it should be is left out. */
export function describeSteps(steps: readonly SetupStep[], direction: Direction): string[] {
  return inOrder(steps, direction).flatMap((step) => (isPending(step, direction) ? describe(step, direction) : []));
}

export function inOrder(steps: readonly SetupStep[], direction: Direction): readonly SetupStep[] {
  return direction === "do" ? steps : steps.toReversed();
}

/** Whether it would change anything now. */
export function isPending(step: SetupStep, direction: Direction): boolean {
  if (step.kind === "command" || step.kind === "call") return step.on === direction && step.isNeeded?.() !== false;
  if (step.kind === "value") {
    const isSet = currentValue(step) === step.value;
    return direction === "do" ? !isSet : isSet && step.otherwise !== step.value;
  }
  if (existsSync(besideOf(step))) return true;
  return direction === "do" ? !isPut(step) : existsSync(step.path) && !isOthers(step);
}

/** Where a file is before it is renamed into its place; only a kill leaves it there. */
export const besideOf = ({ path }: FileStep): string => `${path}.kt-new`;

function describe(step: SetupStep, direction: Direction): string[] {
  if (step.kind === "command") return [`run ${step.argv.map(shellQuoted).join(" ")}`];
  if (step.kind === "call") return [step.what];
  if (step.kind === "value")
    return [`set ${step.name} to ${direction === "do" ? step.value : step.otherwise}; it is ${currentValue(step)}`];
  if (direction === "undo") return [`remove ${step.path}`];
  if (step.kind === "copy") return [`copy ${step.from} to ${step.path}`];
  const lines = step.text.trimEnd().split("\n");
  return [`write ${step.path}`, ...lines.map((line) => `    ${line}`)];
}

function isPut(step: FileStep): boolean {
  try {
    return step.kind === "file" ? readFileSync(step.path, "utf8") === step.text : sameContent(step.path, step.from);
  } catch {
    return false;
  }
}

/** Another user's set-up still needs it. */
export function isOthers(step: FileStep): boolean {
  if (step.kind === "file") return false;
  const { folder, name, own } = step.users;
  return existsSync(folder) && readdirSync(folder).some((each) => each !== own && name.test(each));
}

function currentValue({ path }: ValueStep): string {
  return kernelText(path).trim() || "unknown";
}
