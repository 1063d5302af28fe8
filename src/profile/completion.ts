/** Completes what routes leave out: the profile's context and namespace, the contexts behind short names, and the pods of jump hosts. */

import type { Layer } from "#profile/read/layer.ts";
import type { LayerReserve } from "#profile/sections/addresses.ts";
import type { LayerForward } from "#profile/sections/forward.ts";
import { JumpPodDefinitions } from "#profile/sections/jump-pods.ts";
import type { LayerPattern } from "#profile/sections/patterns.ts";
import type { LayerReverse } from "#profile/sections/reverse.ts";
import type { LayerRoute } from "#profile/sections/routes.ts";
import { type LayerPort, type LayerTarget, namedEntries } from "#profile/sections/section.ts";
import type { PlannedForward, PlannedPattern, PlannedPort, PlannedReserve, PlannedReverse, PlannedRoute } from "#profile/values/plan.ts";
import type { DynamicReach, Manner } from "#route/lookup.ts";
import { schemeForPort } from "#route/port.ts";
import type { Termination } from "#route/route-tls.ts";
import type { Target } from "#route/target.ts";
import type { RouteTls } from "./tls.ts";

export class Completion {
  readonly #profile: string;
  readonly jumpPods: JumpPodDefinitions;
  readonly contexts: Readonly<Record<string, string>>;
  readonly context: string | undefined;
  readonly namespace: string | undefined;

  constructor(file: string, layer: Layer) {
    this.#profile = file;
    this.contexts = Object.fromEntries([...layer.contexts].map(([name, { value }]) => [name, value]));
    this.context = this.#resolve(layer.settings.context?.value);
    this.namespace = layer.settings.namespace?.value;
    const places = namedEntries(layer.entries);
    this.jumpPods = new JumpPodDefinitions(places.map((place) => ({ place, target: this.#fill(place.value) })));
  }

  #resolve(name: string | undefined): string | undefined {
    return name !== undefined && Object.hasOwn(this.contexts, name) ? this.contexts[name] : name;
  }

  target(route: { readonly target: LayerTarget; readonly context: string | undefined }): Target {
    return this.jumpPods.complete(this.#fill(route));
  }

  #fill({ target, context }: { readonly target: LayerTarget; readonly context: string | undefined }): Target {
    const cluster = { profile: this.#profile, context: this.#resolve(context) ?? this.context };
    if (!target.via) return { ...target, cluster, namespace: target.namespace ?? this.namespace };
    return { ...target, cluster, via: { ...target.via, namespace: target.via.namespace ?? this.namespace } };
  }

  /** Only contexts that the profile names are reached by dynamic names, which any program may make up. */
  reach({ http, entries }: Layer): DynamicReach {
    const dynamic = http.dynamic?.value;
    if (typeof dynamic === "boolean") return { kind: dynamic ? "all" : "none" };
    if (dynamic !== undefined) return { kind: "these", contexts: this.#distinct(dynamic), current: false };
    const used = entries.map(({ value }) => value.context);
    const named = [this.context, ...Object.keys(this.contexts), ...used];
    return { kind: "these", contexts: this.#distinct(named), current: this.context === undefined };
  }

  /** The contexts behind these names; those with {captures} in them are none. */
  #distinct(names: readonly (string | undefined)[]): readonly string[] {
    const contexts = names.flatMap((name) => this.#resolve(name) ?? []);
    return [...new Set(contexts)].filter((context) => !context.includes("{"));
  }

  route(route: LayerRoute, { tls, backend }: RouteTls = {}): PlannedRoute {
    const { name, host, health } = route;
    const scheme = route.scheme ?? (backend === undefined ? schemeOf(route) : "https");
    const manner = { ...mannerOf({ ...route, scheme }), ...(backend && { tls: backend }) };
    const spoken = { scheme: scheme ?? schemeForPort(route.target.port), manner, ...(tls && { tls }) };
    return { name, host, target: this.target(route), ...spoken, ...(health !== undefined && { health }) };
  }

  port(port: LayerPort): PlannedPort {
    const { door, name, listen, sessionTimeoutMs } = port;
    const planned: PlannedPort = { kind: "port", door, name, listen, target: this.target(port) };
    return sessionTimeoutMs === undefined ? planned : { ...planned, sessionTimeoutMs };
  }

  forward({ namespaces, selector, include, exclude, ports, domain, context }: LayerForward): PlannedForward {
    const own = this.namespace === undefined ? undefined : [this.namespace];
    const where = { context: this.#resolve(context) ?? this.context, namespaces: namespaces.length > 0 ? namespaces : own };
    return { ...where, selector, include, exclude, ports, domain };
  }

  reverse({ namespace, context, ...reverse }: LayerReverse): PlannedReverse {
    return { ...reverse, context: this.#resolve(context) ?? this.context, namespace: namespace ?? this.namespace };
  }

  reserve({ namespace, name, address }: LayerReserve): PlannedReserve {
    return { namespace: namespace ?? this.namespace, service: name, address };
  }

  pattern(entry: LayerPattern, tls: Termination | undefined): PlannedPattern {
    const { name, pattern, template, context, scheme = schemeOf(entry) } = entry;
    const namespace = template.namespace ?? this.namespace;
    const where = { profile: this.#profile, context: context ?? this.context, contexts: this.contexts };
    return { name, pattern, target: { ...template, ...where, namespace }, scheme, manner: mannerOf(entry), ...(tls && { tls }) };
  }
}

/** What the protocol says of TLS. */
function schemeOf({ protocol }: Pick<LayerRoute, "protocol">): "http" | undefined {
  return protocol === "h2c" ? "http" : undefined;
}

function mannerOf({ scheme, protocol, forwarded }: Pick<LayerRoute, "scheme" | "protocol" | "forwarded">): Manner {
  const schemeGiven = scheme !== undefined || protocol === "h2c";
  return { forwarded: forwarded ?? true, schemeGiven, ...(protocol && { protocol }) };
}
