/** Every tunable of a profile with what holds and where it is said, for people who wonder. */

import type { Layer } from "#profile/read/layer.ts";
import { type TuningKey, tuning } from "#profile/sections/tuning.ts";
import type { Placed } from "#profile/values/placed.ts";
import { formatPlace, type Position } from "#profile/values/problems.ts";

export interface TunedSetting {
  readonly key: string;
  /** As the profile would write it. */
  readonly value: string | number | boolean;
  /** Undefined: it is the default. */
  readonly from: Position | undefined;
}

/** One that something says, with where in words: `tunnels.toml:3:1`, `KT_HEALTH_INTERVAL`, `--set health.interval`. */
export interface SaidSetting extends Pick<TunedSetting, "key" | "value"> {
  readonly from: string;
}

/** Without the defaults; files as seen from `directory`. */
export function saidSettings(settings: readonly TunedSetting[], directory: string): readonly SaidSetting[] {
  return settings.flatMap(({ key, value, from }) => (from === undefined ? [] : [{ key, value, from: formatPlace(from, directory) }]));
}

export function tunedSettings(layer: Layer): readonly TunedSetting[] {
  return tuning.map((each) => tunedSetting(layer, each));
}

function tunedSetting(layer: Layer, { path, key, tunable }: TuningKey): TunedSetting {
  const placed = placedAt(path.length === 1 ? layer.settings : Reflect.get(layer, path[0] ?? ""), path.at(-1) ?? "");
  if (placed === undefined) return { key, value: tunable.fallback, from: undefined };
  const value = tunable.kind === "duration" ? placed.source.textAt(placed.path) : placed.value;
  return { key, value, from: placed.at };
}

function placedAt(part: object, name: string): Placed<number | boolean> | undefined {
  return Reflect.get(part, name) as Placed<number | boolean> | undefined;
}
