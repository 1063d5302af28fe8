/** How kt runs itself: its own command line, and the settings of the JavaScript engine for a process that lasts. */

import { main } from "bun";

/**
 * JavaScriptCore's last tier (FTL) recompiles hot functions at a cost that a process which mostly waits for sockets never
 * earns back: without it the first 10,000 requests cost a quarter less processor time, and the hub 13 MB less memory. Nor are
 * pages of its heap made ready ahead of their use: 3 MB that a hub at rest would keep. The engine reads both when the process
 * starts, and from nowhere else.
 */
export const engineSettings: Readonly<Record<string, string>> = { BUN_JSC_useFTLJIT: "0", BUN_JSC_useWarmUpMarkedBlocks: "0" };

const isCompiled = main.startsWith("/$bunfs/");

/** The compiled binary runs itself; from source, Bun runs the entry point. */
export function ownCommand(): string[] {
  return isCompiled ? [process.execPath] : [process.execPath, main];
}

/** Starts this process over with the settings of one that lasts, under its own id; returns where it has them, or runs from source. */
export function restartForLongLife(): void {
  if (!isCompiled || Object.keys(engineSettings).every((name) => name in process.env)) return;
  const environment = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
  process.execve?.(process.execPath, [process.execPath, ...process.argv.slice(2)], { ...environment, ...engineSettings });
}
