/** Programs of Debian that a test runs in namespaces of its own: unpacked, never installed, since installing them would change the machine. */

import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { type Ran, run } from "./cluster.ts";

const cache = process.env["KT_CLUSTER_DIR"] ?? "";

export interface Wanted {
  readonly name: string;
  readonly packages: readonly string[];
  /** A command that succeeds where they run beside what this machine has. */
  readonly proof: string;
  /** What is not tested without them. */
  readonly leftOut: string;
}

/** The folder in which the packages' files are, kept for the next time; undefined where they cannot be had, and then it says why. */
export async function unpacked({ name, packages, proof, leftOut }: Wanted): Promise<string | undefined> {
  const folder = `${cache}/${name}`;
  const problem = (existsSync(folder) ? undefined : await unpack(folder, packages)) ?? failure(await runOver(folder, proof));
  if (problem !== undefined) process.stderr.write(`no ${name} can be had here: ${leftOut} are left out: ${problem}\n`);
  return problem === undefined ? folder : undefined;
}

/** Resolves to what went wrong. */
async function unpack(folder: string, packages: readonly string[]): Promise<string | undefined> {
  const fresh = `${folder}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  const script = 'apt-get download -q "$@" >/dev/null && for each in *.deb; do dpkg-deb -x "$each" . || exit 1; done && rm *.deb';
  const problem = failure(await run(["sh", "-c", script, "sh", ...packages], { cwd: fresh }));
  if (problem === undefined && !existsSync(folder)) renameSync(fresh, folder);
  rmSync(fresh, { recursive: true, force: true });
  return problem;
}

/** As if they were installed, for one command. */
async function runOver(folder: string, command: string): Promise<Ran> {
  return await run(["unshare", "--mount", "sh", "-c", `${overUsr(folder)} && { ${command}; }`]);
}

/** Shell: lays the files over those of this machine, in a mount namespace. */
export function overUsr(folder: string): string {
  return `mount -t overlay -o lowerdir=${folder}/usr:/usr overlay /usr`;
}

function failure({ exitCode, stdout, stderr }: Ran): string | undefined {
  return exitCode === 0 ? undefined : `exit code ${exitCode}: ${stdout}${stderr}`;
}
