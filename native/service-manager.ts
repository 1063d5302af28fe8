/** A service of the user that runs whenever they are logged in: its file, and what all service managers have in common. */

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { spawn, which } from "bun";
import { KtError, toKtError } from "#base/errors.ts";

export interface ServiceDefinition {
  /** The program's absolute path and its arguments. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Of kt: another one makes another file, so that an update is followed by a restart. */
  readonly version: string;
  /** Where output goes that no journal takes. */
  readonly logFile: string;
}

/** How the file on disk stands to what was there before. */
export type ServiceChange = "new" | "changed" | "same";

export interface ServiceManager {
  readonly name: "systemd" | "launchd";
  /** Where the service's file belongs. */
  readonly file: string;
  /** The file's text. */
  format(definition: ServiceDefinition): string;
  /** The command in a text of `format`; empty for another. */
  commandIn(text: string): readonly string[];
  /** Throws KtError `service-unavailable` where the manager does not run for this user. */
  check(): Promise<void>;
  /** Makes it run now and at every login. Throws KtError `service-failed`. */
  start(change: ServiceChange): Promise<void>;
  /** Ends it and forgets it, while the file is still there. */
  stop(): Promise<void>;
  /** After the file has gone. */
  forget(): Promise<void>;
  /** In the manager's own word, as "active". */
  state(): Promise<string>;
  /** What is worth knowing after an installation. */
  advice(): Promise<readonly string[]>;
}

/** Throws KtError. The same definition twice changes nothing. */
export async function installService(manager: ServiceManager, definition: ServiceDefinition): Promise<ServiceChange> {
  const odd = [...definition.command, ...Object.values(definition.environment)].find((text) => /[\u0000-\u001f\u007f]/.test(text));
  if (odd !== undefined) throw new KtError("service-failed", `${JSON.stringify(odd)} has characters that no service file can hold`);
  await manager.check();
  const text = manager.format(definition);
  const before = await readServiceFile(manager);
  const change = before === undefined ? "new" : before === text ? "same" : "changed";
  await mkdir(folderOf(definition.logFile), { recursive: true, mode: 0o700 });
  if (change !== "same") await writeServiceFile(manager.file, text);
  await manager.start(change);
  return change;
}

/** False where there was none. A manager that does not run any more cannot hold on to the file. */
export async function uninstallService(manager: ServiceManager): Promise<boolean> {
  if ((await readServiceFile(manager)) === undefined) return false;
  const isThere = await manager.check().then(
    () => true,
    () => false,
  );
  if (isThere) await manager.stop();
  await rm(manager.file, { force: true });
  if (isThere) await manager.forget();
  return true;
}

export async function readServiceFile({ file }: ServiceManager): Promise<string | undefined> {
  return await readFile(file, "utf8").catch(() => undefined);
}

async function writeServiceFile(file: string, text: string): Promise<void> {
  try {
    await mkdir(folderOf(file), { recursive: true });
    await writeFile(file, text, { mode: 0o644 });
  } catch (error) {
    throw toKtError(error, "file-unwritable", `write "${file}"`);
  }
}

const folderOf = (file: string): string => file.slice(0, file.lastIndexOf("/"));

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  /** Trimmed. */
  readonly stderr: string;
}

/** Runs a manager's tool to its end, in plain English; exit code 127 where it is not in PATH. */
export async function runTool(argv: readonly string[], environment: Readonly<Record<string, string | undefined>>): Promise<Ran> {
  const [name = "", ...args] = argv;
  const path = which(name, { PATH: environment["PATH"] ?? "" });
  if (path === null) return { exitCode: 127, stdout: "", stderr: `${name}: not found` };
  const child = spawn([path, ...args], { stdin: "ignore", stdout: "pipe", stderr: "pipe", env: { ...environment, LC_ALL: "C" } });
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exitCode, stdout, stderr: stderr.trim() };
}

/** What went wrong, in the tool's own words. */
export function toolFailure(argv: readonly string[], { exitCode, stderr, stdout }: Ran, hints: readonly string[]): KtError {
  const words = stderr || stdout.trim() || `exit code ${exitCode}`;
  return new KtError("service-failed", `${argv.join(" ")}: ${words}`, { hints });
}
