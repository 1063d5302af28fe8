/** The user for whom root was asked to change the machine. */

import { KtError } from "#base/errors.ts";
import { surroundings } from "#control/socket-path.ts";
import { toolOutput } from "#native/tool-output.ts";

/** The one that `--user` gives, or who called root, or this one. Throws KtError `usage`; `example` is a command that is right. */
export function askedUser(given: string | undefined, example: string): number {
  const { uid, environment } = surroundings();
  const text = given ?? (uid === 0 ? rootsCaller(environment, idOf) : undefined) ?? String(uid);
  if (!/^\d{1,9}$/.test(text)) throw new KtError("usage", `"${text}" is not the number of a user`, { hints: [example] });
  return Number(text);
}

/** Who called root by sudo (run0 has the same variable), pkexec or doas, which says a name; undefined for a root that logged in. */
export function rootsCaller(
  environment: Readonly<Record<string, string | undefined>>,
  numberOf: (name: string) => string,
): string | undefined {
  const { SUDO_UID: bySudo, PKEXEC_UID: byPkexec, DOAS_USER: byDoas } = environment;
  return bySudo ?? byPkexec ?? (byDoas === undefined ? undefined : numberOf(byDoas));
}

const idOf = (name: string): string => toolOutput(["id", "-u", "--", name]).trim();
