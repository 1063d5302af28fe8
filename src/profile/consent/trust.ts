/** Whose files a profile may be made of without a question: the user's own and root's, and which places are the user's by custom. */

import { readRegularFile } from "#base/regular-file.ts";
import type { Environment } from "#profile/values/variables.ts";

export interface User {
  readonly home: string;
  readonly environment: Environment;
}

/** Where the user's own profile is: repositories are not cloned to there. */
function ownDirectory({ home, environment }: User): string {
  const { XDG_CONFIG_HOME: given } = environment;
  return given?.startsWith("/") ? `${given}/kt` : `${home}/.config/kt`;
}

export function isInside(path: string, directory: string): boolean {
  return path.startsWith(directory.endsWith("/") ? directory : `${directory}/`);
}

export function isUsersOwn(path: string, user: User): boolean {
  return isInside(path, ownDirectory(user));
}

/** What kubectl takes too: the shell's own, and all that lies beside the usual one. */
export function isUsualKubeconfig(path: string, usual: readonly string[], user: User): boolean {
  return usual.includes(path) || isInside(path, `${user.home}/.kube`) || isUsersOwn(path, user);
}

const accounts = { path: "/etc/passwd", mostBytes: 1024 * 1024, code: "profile-unreadable" } as const;

/** The name of the owner, where it is neither the user, nor root, nor who became root by sudo. */
export function foreignOwner(uid: number | undefined, { environment }: User): string | undefined {
  const mine = process.getuid?.();
  if (uid === undefined || mine === undefined || uid === 0 || uid === mine) return undefined;
  if (mine === 0 && environment["SUDO_UID"] === String(uid)) return undefined;
  return nameOf(uid) ?? `number ${uid}`;
}

function nameOf(uid: number): string | undefined {
  try {
    const lines = Buffer.from(readRegularFile(accounts.path, accounts).bytes).toString().split("\n");
    const [name] = lines.map((line) => line.split(":")).find((fields) => fields[2] === String(uid)) ?? [];
    return name === undefined ? undefined : JSON.stringify(name);
  } catch {
    return undefined;
  }
}
