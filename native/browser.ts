/** Opens a URL in the user's browser. */

import { readFile } from "node:fs/promises";
import { spawn, which } from "bun";

type Environment = Readonly<Record<string, string | undefined>>;

/** A command that opens URLs. */
export interface Opener {
  readonly command: readonly string[];
  /** Windows' Explorer ends with 1 when all went well. */
  readonly ignoresExitCode: boolean;
}

/** Openers that take longer are at work: some stay as long as the browser they started. */
const settledMs = 1000;

/** Resolves to the program that took the URL, undefined where none did. */
export async function openInBrowser(url: string, environment: Environment): Promise<string | undefined> {
  const isWindows = await isWsl(environment);
  for (const opener of openersFor(url, { platform: process.platform, isWsl: isWindows, environment })) {
    if (await takes(opener, environment)) return opener.command[0];
  }
  return undefined;
}

/** Best first. `$BROWSER` may list several, with `%s` where the URL goes. */
export function openersFor(
  url: string,
  on: { readonly platform: string; readonly isWsl: boolean; readonly environment: Environment },
): Opener[] {
  const chosen = (on.environment["BROWSER"] ?? "").split(":").map((line) => line.split(" ").filter((word) => word !== ""));
  const own = chosen.filter((words) => words.length > 0).map((words) => withUrl(words, url));
  return [...own, ...systemOpeners(on.platform, on.isWsl).map((name) => [name, url])].map((command) => ({
    command,
    ignoresExitCode: command[0] === "explorer.exe",
  }));
}

function systemOpeners(platform: string, isWsl: boolean): readonly string[] {
  if (platform === "darwin") return ["open"];
  return isWsl ? ["wslview", "explorer.exe", "xdg-open"] : ["xdg-open"];
}

function withUrl(words: readonly string[], url: string): string[] {
  return words.some((word) => word.includes("%s")) ? words.map((word) => word.replaceAll("%s", url)) : [...words, url];
}

async function isWsl(environment: Environment): Promise<boolean> {
  if (process.platform !== "linux") return false;
  if (environment["WSL_DISTRO_NAME"] !== undefined) return true;
  return /microsoft/i.test(await readFile("/proc/sys/kernel/osrelease", "utf8").catch(() => ""));
}

async function takes({ command, ignoresExitCode }: Opener, environment: Environment): Promise<boolean> {
  const [name = "", ...args] = command;
  const path = which(name, { PATH: environment["PATH"] ?? "" });
  if (path === null) return false;
  // A session of its own: the browser stays when the terminal goes.
  const child = spawn([path, ...args], { env: { ...environment }, stdio: ["ignore", "ignore", "ignore"], detached: true });
  child.unref();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, settledMs, undefined)));
  const code = await Promise.race([child.exited, late]);
  clearTimeout(timer);
  return code === undefined || code === 0 || ignoresExitCode;
}
