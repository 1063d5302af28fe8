/** Reads what a route reaches: something in the cluster, or an address and its jump host. */

import { looksLikeAddress } from "#route/address-text.ts";
import { parseTarget } from "#route/target-text.ts";
import { readJump } from "./jump.ts";
import type { LayerTarget } from "./layer.ts";
import type { KeyPath } from "#profile/toml/positions.ts";
import type { LongRoute } from "#profile/schema/schema.ts";
import type { Source } from "./source.ts";
import { tomlKey } from "#profile/toml/text.ts";

/** What only a jump host has. */
function refuseWithoutVia(source: Source, path: KeyPath, { container, method }: LongRoute): void {
  for (const [key, value] of Object.entries({ container, method })) {
    if (value === undefined) continue;
    const hint = 'leave it out, or add via = "svc/NAME" where the target is an address';
    source.problem([...path, key], `${key} says how to use a jump host, and there is no via`, { at: "key", hint });
  }
}

/** Problems are reported to the source; the answer is then undefined. */
export function readTarget(source: Source, path: KeyPath, given: string | LongRoute): LayerTarget | undefined {
  const isLong = typeof given !== "string";
  if (isLong && given.via !== undefined) return readJump(source, path, given);
  if (isLong) refuseWithoutVia(source, path, given);
  const text = isLong ? given.target : given;
  const at = isLong ? [...path, "target"] : path;
  if (!looksLikeAddress(text)) return source.attempt(at, "value", () => parseTarget(text));
  const hint = `name the pod that reaches it: [${path.map(tomlKey).join(".")}] with target = "${text}" and via = "svc/NAME"`;
  source.problem(at, `target "${text}" is an address, which needs a jump host`, { hint });
  return undefined;
}
