/** The key of an edge for the transport tls: made on its host at the first start, where it stays. */

import type { Clock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { keep, readKept } from "#native/kept-file.ts";
import { type Identity, identityOf, makeKey } from "#tls/identity.ts";

/**
 * `tls.key`, which only its user can read, and `tls.pin`, which the operator reads, in this folder. A key that cannot be read is not
 * replaced: every uplink would have to learn the new one. Throws KtError `state-failed`.
 */
export async function edgeIdentity(folder: string, clock: Clock): Promise<Identity> {
  const path = `${folder}/tls.key`;
  const kept = await readKept(path);
  const identity = identityOf(kept ?? makeKey(), clock.wallMs());
  if (!identity) {
    throw new KtError("state-failed", `"${path}" is not a key of EC P-256`, { hints: ["remove it: the edge then makes another one"] });
  }
  if (kept === undefined) await keep(path, identity.key, 0o600);
  const published = `${folder}/tls.pin`;
  if ((await readKept(published))?.trim() !== identity.pin) await keep(published, `${identity.pin}\n`, 0o644);
  return identity;
}
