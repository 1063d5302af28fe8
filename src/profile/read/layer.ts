/** What one profile file says, every value with its place, and how layers are merged into one. */

import type { HostPattern } from "#route/pattern.ts";
import type { BackendScheme } from "#route/target.ts";
import type { ParsedTarget } from "#route/target-text.ts";
import type { ParsedTargetTemplate } from "#route/template.ts";
import type { ParsedAddress } from "./jump.ts";
import type { ListenAddress } from "#profile/values/plan.ts";
import type { KeyPath } from "#profile/toml/positions.ts";
import type { Position } from "#profile/values/problems.ts";
import type { Source } from "./source.ts";

/** A value and where it was written. */
export interface Placed<T> {
  readonly value: T;
  readonly at: Position;
  readonly source: Source;
  readonly path: KeyPath;
}

/** What is reached, before the profile's context and namespace are filled in. */
export type LayerTarget = ParsedTarget | ParsedAddress;

export interface LayerRoute {
  /** As written. */
  readonly name: string;
  readonly host: string;
  readonly target: LayerTarget;
  readonly context: string | undefined;
  readonly scheme: BackendScheme | undefined;
  readonly forwarded: boolean | undefined;
}

export interface LayerPattern {
  readonly name: string;
  readonly pattern: HostPattern;
  readonly target: ParsedTargetTemplate;
  readonly context: string | undefined;
  readonly scheme: BackendScheme | undefined;
  readonly forwarded: boolean | undefined;
}

export interface LayerTcp {
  readonly name: string;
  readonly listen: readonly ListenAddress[];
  readonly target: LayerTarget;
  readonly context: string | undefined;
  /** Says `expose = true` beside its address. */
  readonly expose: boolean;
}

/** What can be said once; undefined where the file does not say it. */
export interface LayerSettings {
  readonly name: Placed<string> | undefined;
  readonly context: Placed<string> | undefined;
  readonly namespace: Placed<string> | undefined;
  readonly kubeconfig: Placed<readonly string[]> | undefined;
  readonly idleTimeoutMs: Placed<number> | undefined;
  readonly startTimeoutMs: Placed<number> | undefined;
  readonly expose: Placed<boolean> | undefined;
  readonly listen: Placed<readonly ListenAddress[]> | undefined;
  readonly exposeHttp: Placed<boolean> | undefined;
  readonly suffix: Placed<string> | undefined;
  /** The contexts as written; true is every one, false none. */
  readonly dynamic: Placed<boolean | readonly string[]> | undefined;
  readonly allowOrigins: Placed<readonly string[]> | undefined;
}

/** One file, understood. Maps are keyed by what makes two entries the same: a file's entry replaces those of the files it extends. */
export interface Layer {
  readonly settings: LayerSettings;
  readonly contexts: ReadonlyMap<string, Placed<string>>;
  /** By normalised hostname. */
  readonly routes: ReadonlyMap<string, Placed<LayerRoute>>;
  /** By shape. */
  readonly patterns: ReadonlyMap<string, Placed<LayerPattern>>;
  /** By listen addresses. */
  readonly tcp: ReadonlyMap<string, Placed<LayerTcp>>;
  readonly env: ReadonlyMap<string, Placed<string>>;
}

/** Layers as one, the later ones winning entry by entry: a route is replaced whole, never mixed. */
export function mergeLayers(layers: readonly Layer[]): Layer {
  return layers.reduce((below, above) => ({
    settings: mergeSettings(below.settings, above.settings),
    contexts: new Map([...below.contexts, ...above.contexts]),
    routes: new Map([...below.routes, ...above.routes]),
    patterns: new Map([...below.patterns, ...above.patterns]),
    tcp: new Map([...below.tcp, ...above.tcp]),
    env: new Map([...below.env, ...above.env]),
  }));
}

function mergeSettings(below: LayerSettings, above: LayerSettings): LayerSettings {
  return {
    name: above.name ?? below.name,
    context: above.context ?? below.context,
    namespace: above.namespace ?? below.namespace,
    kubeconfig: above.kubeconfig ?? below.kubeconfig,
    idleTimeoutMs: above.idleTimeoutMs ?? below.idleTimeoutMs,
    startTimeoutMs: above.startTimeoutMs ?? below.startTimeoutMs,
    expose: above.expose ?? below.expose,
    listen: above.listen ?? below.listen,
    exposeHttp: above.exposeHttp ?? below.exposeHttp,
    suffix: above.suffix ?? below.suffix,
    dynamic: above.dynamic ?? below.dynamic,
    allowOrigins: above.allowOrigins ?? below.allowOrigins,
  };
}
