/** Reads what a route reaches: something in the cluster, or an address and its jump host, if it has one. */

import { looksLikeAddress, parseAddress } from "#route/address-text.ts";
import { parseTarget } from "#route/target-text.ts";
import { type LongTarget, readJump } from "./jump.ts";
import type { LayerTarget } from "./section.ts";
import type { KeyPath } from "#profile/toml/positions.ts";
import type { ProfileSource } from "#profile/values/placed.ts";

/** What only a jump host has. */
function refuseWithoutVia(source: ProfileSource, path: KeyPath, { container, method }: LongTarget): void {
  for (const [key, value] of Object.entries({ container, method })) {
    if (value === undefined) continue;
    const hint = 'leave it out, or add via = "svc/NAME" where the target is an address';
    source.problem([...path, key], `${key} says how to use a jump host, and there is no via`, { at: "key", hint });
  }
}

/** Problems are reported to the source; the answer is then undefined. */
export function readTarget(source: ProfileSource, path: KeyPath, given: string | LongTarget): LayerTarget | undefined {
  const isLong = typeof given !== "string";
  if (isLong && given.via !== undefined) return readJump(source, path, given);
  if (isLong) refuseWithoutVia(source, path, given);
  const text = isLong ? given.target : given;
  const at = isLong ? [...path, "target"] : path;
  if (!looksLikeAddress(text)) return source.attempt(at, "value", () => parseTarget(text));
  return source.attempt(at, "value", () => ({ kind: "relayed" as const, ...parseAddress(text), namespace: undefined }));
}
