/** Programs of Debian that a test runs in namespaces of its own: unpacked, never installed, since installing them would change the machine. */

import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { run } from "./cluster.ts";

const cache = process.env["KT_CLUSTER_DIR"] ?? "";

/** The folder in which the packages' files are, kept for the next time; undefined where they cannot be had, and then it says what is left out. */
export async function unpacked(name: string, packages: readonly string[], leftOut: string): Promise<string | undefined> {
  const folder = `${cache}/${name}`;
  if (existsSync(folder)) return folder;
  const fresh = `${folder}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  const script = 'apt-get download -q "$@" >/dev/null && for each in *.deb; do dpkg-deb -x "$each" . || exit 1; done && rm *.deb';
  const { exitCode, stderr } = await run(["sh", "-c", script, "sh", ...packages], { cwd: fresh });
  if (exitCode === 0 && !existsSync(folder)) renameSync(fresh, folder);
  else if (exitCode !== 0) process.stderr.write(`no ${name} can be had here: ${leftOut} are left out: ${stderr}\n`);
  rmSync(fresh, { recursive: true, force: true });
  return exitCode === 0 ? folder : undefined;
}
