/** Why this user may have no namespaces of their own, as far as the system's settings tell. */

import { command } from "#base/shell.ts";
import { kernelText } from "./kernel-text.ts";

export interface Restriction {
  readonly why: string;
  /** What an administrator may run to change that. */
  readonly remedy: string | undefined;
}

interface Setting {
  readonly name: string;
  readonly restricts: string;
  readonly allows: string;
  readonly why: string;
}

/** Debian's and Ubuntu's own, and the kernel's. */
const settings: readonly Setting[] = [
  { name: "kernel.unprivileged_userns_clone", restricts: "0", allows: "1", why: "user namespaces are turned off here" },
  { name: "user.max_user_namespaces", restricts: "0", allows: "10000", why: "user namespaces are turned off here" },
  { name: "kernel.apparmor_restrict_unprivileged_userns", restricts: "1", allows: "0", why: "AppArmor gives no user namespaces to kt" },
];

/** `code` is what the system said, as "EPERM"; `read` gives a setting of the kernel. */
export function namespaceRestriction(
  code: string,
  platform: string = process.platform,
  read: (name: string) => string = readSetting,
): Restriction {
  if (platform !== "linux") return { why: "only Linux gives a command names of its own", remedy: undefined };
  const found = settings.find(({ name, restricts }) => read(name) === restricts);
  if (found === undefined) return { why: `user namespaces cannot be had here (${code})`, remedy: undefined };
  return { why: found.why, remedy: command`sudo sysctl -w ${found.name}=${found.allows}` };
}

function readSetting(name: string): string {
  return kernelText(`/proc/sys/${name.replaceAll(".", "/")}`).trim();
}
