/** Every tunable of the profile in one list, with its key and its variable: the environment, --set, kt check and the docs go by it. */

import type { KeyPath } from "#profile/toml/positions.ts";
import { generalTunables } from "./general.ts";
import { health } from "./health.ts";
import { limits } from "./limits.ts";
import { retry } from "./retry.ts";
import { timeouts } from "./timeouts.ts";
import type { Tunable, Tunables } from "./tunable.ts";

export interface TuningKey {
  readonly path: KeyPath;
  /** As --set takes it: `health.interval`. */
  readonly key: string;
  /** `KT_HEALTH_INTERVAL`. */
  readonly variable: string;
  readonly tunable: Tunable;
}

/** By section, in the order of the documentation; "" is the top of the file. */
export const tuningTables = {
  "": generalTunables,
  health: health.tunables,
  retry: retry.tunables,
  timeouts: timeouts.tunables,
  limits: limits.tunables,
} as const satisfies Readonly<Record<string, Tunables>>;

export const tuning: readonly TuningKey[] = Object.entries<Tunables>(tuningTables).flatMap(([section, tunables]) =>
  Object.entries(tunables).map(([name, tunable]) => {
    const path = section === "" ? [name] : [section, name];
    return { path, key: path.join("."), variable: `KT_${path.join("_").toUpperCase()}`, tunable };
  }),
);
