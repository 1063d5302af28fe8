/** A root directory with chosen programs and nothing else, for chroot: what an installer meets on a machine that is not ours. */

import { chmodSync, chownSync, copyFileSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { spawnSync, which } from "bun";
import { type Ran, run } from "./cluster.ts";

/** An ordinary user: the installer must not need root. */
const userId = 1000;

/** What install.sh uses besides curl or wget; busybox's, which know the fewest options. */
const applets = ["cat", "chmod", "cp", "cut", "dirname", "grep", "head", "mkdir", "mktemp", "mv", "rm", "rmdir", "sed", "tail"];
applets.push("tr", "uname");

/** These a test takes away or replaces, so the shell must not have them built in. */
const removable = ["wget", "uname", "sysctl", "sha256sum", "gzip"];

export interface CleanRunOptions {
  /** Folders of /tools to find programs in, besides the basic ones; the first wins. */
  readonly tools?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** What to put before the chroot, as `setarch`. */
  readonly under?: readonly string[];
}

export class CleanRoot {
  readonly path: string = mkdtempSync(`${tmpdir()}/kt-clean-root-`);

  /** The shell becomes /bin/sh. */
  constructor(shell: "dash" | "busybox") {
    for (const folder of ["bin", "dev", "tmp", "tools/base", "tools/sha256sum", "tools/busybox-wget", "tools/gzip"])
      mkdirSync(`${this.path}/${folder}`, { recursive: true });
    chmodSync(this.path, 0o755);
    spawnSync(["mknod", "-m", "666", `${this.path}/dev/null`, "c", "1", "3"]);
    chmodSync(`${this.path}/tmp`, 0o1777);
    copyFileSync("/bin/busybox", `${this.path}/bin/busybox`);
    writeFileSync(`${this.path}/bin/busybox-sh`, withoutApplets(readFileSync("/bin/busybox"), removable), { mode: 0o755 });
    for (const applet of applets) symlinkSync("/bin/busybox", `${this.path}/tools/base/${applet}`);
    symlinkSync("/bin/busybox", `${this.path}/tools/sha256sum/sha256sum`);
    symlinkSync("/bin/busybox", `${this.path}/tools/busybox-wget/wget`);
    symlinkSync("/bin/busybox", `${this.path}/tools/gzip/gzip`);
    if (shell === "dash") for (const name of ["dash", "bash"]) this.addProgram(name, "bin");
    symlinkSync(shell === "dash" ? "dash" : "busybox-sh", `${this.path}/bin/sh`);
  }

  /** Copies a program of this machine with its libraries into a folder of the root. */
  addProgram(name: string, folder: string, program: string | null = which(name)): void {
    if (program === null) throw new Error(`this machine has no ${name}`);
    this.#copy(program, `${folder}/${name}`);
    const { stdout } = spawnSync(["ldd", program]);
    for (const [library] of stdout.toString().matchAll(/\/\S+\.so\S*/g)) this.#copy(library, library);
  }

  #copy(from: string, to: string): void {
    const target = `${this.path}/${to}`;
    mkdirSync(dirname(target), { recursive: true });
    if (!existsSync(target)) copyFileSync(from, target);
    chmodSync(target, 0o755);
  }

  /** Writes a file, with its folders. */
  write(path: string, content: string | Uint8Array, mode = 0o755): void {
    const target = `${this.path}${path}`;
    mkdirSync(dirname(target), { recursive: true });
    rmSync(target, { force: true });
    writeFileSync(target, content);
    chmodSync(target, mode);
  }

  /** A new empty home of the user, in place of the last one. */
  newHome(): void {
    rmSync(`${this.path}/home`, { recursive: true, force: true });
    mkdirSync(`${this.path}/home/user`, { recursive: true });
    chownSync(`${this.path}/home/user`, userId, userId);
  }

  give(path: string): void {
    chownSync(`${this.path}${path}`, userId, userId);
  }

  /** The command line that runs something in here as the user, with an empty environment. */
  command(command: readonly string[], options: CleanRunOptions = {}): string[] {
    const path = [...(options.tools ?? []), "base"].map((folder) => `/tools/${folder}`).join(":");
    const env = { HOME: "/home/user", PATH: path, ...options.env };
    const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const chroot = ["chroot", `--userspec=${userId}:${userId}`, "--groups=", this.path];
    return [...(options.under ?? []), ...chroot, "/bin/busybox", "env", "-i", ...assignments, ...command];
  }

  async run(command: readonly string[], options: CleanRunOptions = {}): Promise<Ran> {
    return await run(this.command(command, options), options.input === undefined ? {} : { input: options.input });
  }

  /** Everything under a folder: paths with modes, links with their targets. */
  tree(folder: string): string[] {
    return readdirSync(`${this.path}${folder}`, { recursive: true, encoding: "utf8" })
      .sort()
      .map((name) => {
        const path = `${this.path}${folder}/${name}`;
        const stat = lstatSync(path);
        if (stat.isSymbolicLink()) return `${name} -> ${readlinkSync(path)}`;
        return stat.isDirectory() ? `${name}/` : `${name} ${(stat.mode & 0o777).toString(8)}`;
      });
  }

  read(path: string): string {
    return readFileSync(`${this.path}${path}`, "utf8");
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/**
 * A busybox that does not know some of its applets. Its shell prefers applets to the PATH; renamed ones, with the table's
 * order kept, leave the choice to the PATH.
 */
function withoutApplets(busybox: Buffer, names: readonly string[]): Buffer {
  const changed = Buffer.from(busybox);
  for (const name of names) {
    const at = changed.indexOf(`\0${name}\0`);
    if (at === -1) throw new Error(`this busybox has no ${name}`);
    changed[at + name.length] = "~".charCodeAt(0);
  }
  return changed;
}
