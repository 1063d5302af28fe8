/** The keys of an edge: made on its host at the first start, where the private one stays. */

import { KtError } from "#base/errors.ts";
import { isWireGuardKey } from "#wire/wireguard-uapi.ts";
import { keep, readKept } from "#native/kept-file.ts";
import { makeWireGuardKeys, publicKeyOf, type WireGuardKeys } from "./keys.ts";

/**
 * `wireguard.key`, which only its user can read, and `wireguard.pub`, which the operator reads, in this folder. A key that cannot be read is
 * not replaced: every uplink would have to learn the new one. Throws KtError `wireguard-failed`.
 */
export async function edgeKeys(folder: string): Promise<WireGuardKeys> {
  const path = `${folder}/wireguard.key`;
  const kept = (await readKept(path))?.trim();
  if (kept !== undefined && !isWireGuardKey(kept)) {
    throw new KtError("wireguard-failed", `"${path}" is not a WireGuard key`, { hints: ["remove it: the edge then makes another one"] });
  }
  const keys = kept === undefined ? makeWireGuardKeys() : { privateKey: kept, publicKey: publicKeyOf(kept) };
  if (kept === undefined) await keep(path, `${keys.privateKey}\n`, 0o600);
  const published = `${folder}/wireguard.pub`;
  if ((await readKept(published))?.trim() !== keys.publicKey) await keep(published, `${keys.publicKey}\n`, 0o644);
  return keys;
}
