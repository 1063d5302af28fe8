/** The user for whom root was asked to change the machine. */

import { KtError } from "#base/errors.ts";
import { surroundings } from "#control/socket-path.ts";

/** The one that `--user` gives, or who called root by sudo, or this one. Throws KtError `usage`; `example` is a command that is right. */
export function askedUser(given: string | undefined, example: string): number {
  const { uid, environment } = surroundings();
  const text = given ?? (uid === 0 ? environment["SUDO_UID"] : undefined) ?? String(uid);
  if (!/^\d{1,9}$/.test(text)) throw new KtError("usage", `"${text}" is not the number of a user`, { hints: [example] });
  return Number(text);
}
