/** What the machine's files of kernel settings say (sysctl.d(5)), so that nothing of it needs to be remembered. */

import { existsSync, readdirSync } from "node:fs";
import { kernelText } from "./kernel-text.ts";

/** The first folder that has a file of some name is the only one whose counts. */
const folders = ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"];
/** Last, and only where systemd does not start the machine; with systemd a link in a folder leads there where it counts. */
const oldFile = "/etc/sysctl.conf";

export interface SysctlFile {
  readonly path: string;
  readonly text: string;
}

/** In the order in which they are read. */
export function sysctlFiles(): readonly SysctlFile[] {
  const byName = new Map<string, string>();
  for (const folder of folders) {
    for (const name of namesIn(folder)) if (name.endsWith(".conf") && !byName.has(name)) byName.set(name, `${folder}/${name}`);
  }
  const names = [...byName.keys()].toSorted();
  const paths = names.map((name) => byName.get(name) ?? "");
  if (!existsSync("/run/systemd/system")) paths.push(oldFile);
  return paths.map((path) => ({ path, text: kernelText(path) }));
}

/** The first port that needs no privilege when the machine starts without the file at `own`; 1024 where no file says it. */
export function firstPortBySystem(files: readonly SysctlFile[], own: string): string {
  const said = files.filter(({ path }) => path !== own).flatMap(({ text }) => text.split("\n").flatMap(valueIn));
  return said.at(-1) ?? "1024";
}

/** Dots and slashes stand for each other, and with a dash in front a failure does not matter. */
function valueIn(line: string): string[] {
  const [, value] = /^\s*-?net[./]ipv4[./]ip_unprivileged_port_start\s*=\s*(\d+)\s*$/.exec(line) ?? [];
  return value === undefined ? [] : [value];
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
