/** Turns a merged layer into a Plan, and finds what is wrong between entries rather than in one. */

import { basename, dirname } from "node:path";
import type { Manner } from "#route/lookup.ts";
import { schemeForPort } from "#route/port.ts";
import type { DynamicReach } from "#route/lookup.ts";
import type { Target } from "#route/target.ts";
import { JumpPodDefinitions } from "#profile/read/jump-pods.ts";
import type { Layer, LayerPattern, LayerRoute, LayerTarget, LayerTcp, Placed } from "#profile/read/layer.ts";
import { formatListen, isLoopback, isWildcard, overlaps, parseListen } from "#profile/values/listen.ts";
import type {
  ListenAddress,
  Plan,
  PlannedListener,
  PlannedPattern,
  PlannedPort,
  PlannedRoute,
  ProfileWarning,
} from "#profile/values/plan.ts";
import { ownAddressOf } from "#profile/values/own-address.ts";
import { checkReferences, hostsWithAddress } from "#profile/values/references.ts";

const minuteMs = 60_000;
const defaults = { listen: "8989", suffix: "k8s.localhost", idleTimeoutMs: 60 * minuteMs, startTimeoutMs: minuteMs / 2 } as const;

export interface CompileInput {
  /** Absolute path of the profile's file. */
  readonly file: string;
  /** Every path that was read or looked for. */
  readonly files: readonly string[];
  /** For when no file names any. */
  readonly kubeconfig: readonly string[];
  readonly strangers: Plan["strangers"];
  readonly layer: Layer;
  /** See AddressChoice. */
  readonly hasWholeNetwork: boolean;
}

/** Completes what routes leave out: the profile's context and namespace, the contexts behind short names, and the pods of jump hosts. */
class Completion {
  readonly #profile: string;
  readonly jumpPods: JumpPodDefinitions;
  readonly contexts: Readonly<Record<string, string>>;
  readonly context: string | undefined;
  readonly namespace: string | undefined;

  constructor({ file, layer }: Pick<CompileInput, "file" | "layer">) {
    this.#profile = file;
    this.contexts = Object.fromEntries([...layer.contexts].map(([name, { value }]) => [name, value]));
    this.context = this.#resolve(layer.settings.context?.value);
    this.namespace = layer.settings.namespace?.value;
    const places: readonly Placed<LayerRoute | LayerTcp>[] = [...layer.routes.values(), ...layer.tcp.values()];
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
    if (target.kind !== "address") return { ...target, cluster, namespace: target.namespace ?? this.namespace };
    return { ...target, cluster, via: { ...target.via, namespace: target.via.namespace ?? this.namespace } };
  }

  /** What nobody named is not reached by a name that anybody can think of. */
  reach({ settings, routes, patterns, tcp }: Layer): DynamicReach {
    const dynamic = settings.dynamic?.value;
    if (typeof dynamic === "boolean") return { kind: dynamic ? "all" : "none" };
    if (dynamic !== undefined) return { kind: "these", contexts: this.#distinct(dynamic), current: false };
    const used = [...routes.values(), ...patterns.values(), ...tcp.values()].map(({ value }) => value.context);
    const named = [this.context, ...Object.keys(this.contexts), ...used];
    return { kind: "these", contexts: this.#distinct(named), current: this.context === undefined };
  }

  /** The contexts behind these names; those with {captures} in them are none. */
  #distinct(names: readonly (string | undefined)[]): readonly string[] {
    const contexts = names.flatMap((name) => this.#resolve(name) ?? []);
    return [...new Set(contexts)].filter((context) => !context.includes("{"));
  }

  route(route: LayerRoute): PlannedRoute {
    const { name, host, scheme } = route;
    return { name, host, target: this.target(route), scheme: scheme ?? schemeForPort(route.target.port), manner: mannerOf(route) };
  }

  port(port: LayerTcp): PlannedPort {
    return { kind: "port", door: "tcp", name: port.name, listen: port.listen, target: this.target(port) };
  }

  pattern(entry: LayerPattern): PlannedPattern {
    const { name, pattern, target, context, scheme } = entry;
    const namespace = target.namespace ?? this.namespace;
    const where = { profile: this.#profile, context: context ?? this.context, contexts: this.contexts };
    return { name, pattern, target: { ...target, ...where, namespace }, scheme, manner: mannerOf(entry) };
  }
}

function mannerOf({ scheme, forwarded }: LayerRoute | LayerPattern): Manner {
  return { forwarded: forwarded ?? true, schemeGiven: scheme !== undefined };
}

interface Claim {
  readonly name: string;
  readonly address: ListenAddress;
}

/** Who listens where. By port, since a profile may have thousands. */
class Claims {
  readonly #wildcards = new Map<number, Claim[]>();
  readonly #byAddress = new Map<string, Claim>();
  readonly #byPort = new Map<number, Claim[]>();

  add(claim: Claim): void {
    const { address } = claim;
    const place = formatListen(address);
    if (!this.#byAddress.has(place)) this.#byAddress.set(place, claim);
    for (const group of isWildcard(address) ? [this.#byPort, this.#wildcards] : [this.#byPort]) {
      const claims = group.get(address.port) ?? [];
      claims.push(claim);
      group.set(address.port, claims);
    }
  }

  /** The first that cannot listen beside the address. */
  against(address: ListenAddress): Claim | undefined {
    const sure = this.#byAddress.get(formatListen(address));
    const among = (isWildcard(address) ? this.#byPort : this.#wildcards).get(address.port);
    return sure ?? among?.find((claim) => overlaps(claim.address, address));
  }
}

/** No two routes can listen in one place, and none where [http] does. */
function checkOverlaps(layer: Layer, http: readonly ListenAddress[]): void {
  const claims = new Claims();
  for (const address of http) claims.add({ name: "[http] listen", address });
  for (const { value: route, source, path } of layer.tcp.values()) {
    const [clash] = route.listen.flatMap((mine) => claims.against(mine) ?? []);
    if (clash !== undefined) {
      const message = `"${route.name}" is taken by ${clash.name}, which listens on ${formatListen(clash.address)}`;
      source.problem(path, message, { at: "key", hint: "choose another local port" });
    }
    for (const address of route.listen) claims.add({ name: `"${route.name}"`, address });
  }
}

function refuseWide(place: Placed<unknown>, address: ListenAddress, where: string): void {
  const message = `${formatListen(address)} can be reached from other machines, and so would the cluster`;
  place.source.problem(place.path, message, { hint: `listen on 127.0.0.1, or allow it with expose = true ${where}` });
}

function checkExposure({ settings, tcp }: Layer): void {
  if (settings.expose?.value === true) return;
  const { listen, exposeHttp } = settings;
  const wide = exposeHttp?.value === true ? undefined : listen?.value.find((address) => !isLoopback(address));
  if (listen !== undefined && wide !== undefined) refuseWide(listen, wide, "under [http]");
  for (const route of tcp.values()) {
    const address = route.value.listen.find((each) => !isLoopback(each));
    if (address !== undefined && !route.value.expose) refuseWide(route, address, `under [tcp."${route.value.name}"]`);
  }
}

/** Reports references in [env] to routes that are not there. */
export function checkEnv(layer: Layer): void {
  const known = { tcp: [...layer.tcp.values()].map(({ value }) => value.name), routes: [...layer.routes.keys()] };
  for (const { value, source, path } of layer.env.values()) {
    for (const { text, message, hint } of checkReferences(value, known)) source.problem(path, message, { hint, part: text });
  }
}

/** Reports what clashes, and what is open to other machines. */
export function checkLayer({ file, layer }: Pick<CompileInput, "file" | "layer">): void {
  checkOverlaps(layer, layer.settings.listen?.value ?? parseListen(defaults.listen));
  checkExposure(layer);
  new Completion({ file, layer }).jumpPods.reportClashes();
}

/** Systems resolve `*.localhost` to the loopback address by themselves (RFC 6761 §6.3), and no other name. */
function isLocalhost(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost");
}

/** What is odd but not wrong. */
export function warnings(layer: Layer): ProfileWarning[] {
  const outside = [...layer.routes.values()].filter(({ value }) => !isLocalhost(value.host));
  return outside.map(({ value, at }) => {
    const message = `"${value.name}" only works on this machine if its name leads to 127.0.0.1, as names under .localhost do by themselves`;
    return { message, route: value.name, file: at.file, line: at.line, column: at.column };
  });
}

/** By hostname, for the routes whose address [env] asks for. */
function ownAddressesOf(
  { layer, hasWholeNetwork }: CompileInput,
  listen: readonly ListenAddress[],
): ReadonlyMap<string, Pick<PlannedRoute, "address">> {
  const taken = [...listen, ...[...layer.tcp.values()].flatMap(({ value }) => value.listen)];
  const isTaken = (address: ListenAddress): boolean => taken.some((other) => overlaps(address, other));
  const wanted = hostsWithAddress([...layer.env.values()].map(({ value }) => value));
  return new Map(
    [...wanted].toSorted().map((host) => {
      const address = ownAddressOf(host, { listen, hasWholeNetwork, isTaken });
      taken.push(address);
      return [host, { address }];
    }),
  );
}

function ownListener(route: PlannedRoute): PlannedListener[] {
  return route.address === undefined ? [] : [{ kind: "route", door: "http", listen: [route.address], route }];
}

/** The Plan of a layer that has no problems. */
export function compile(input: CompileInput): Plan {
  const { file, layer } = input;
  const { settings } = layer;
  const complete = new Completion(input);
  const listen = settings.listen?.value ?? parseListen(defaults.listen);
  const ownAddresses = ownAddressesOf(input, listen);
  const routes = [...layer.routes.values()].map(({ value }) => ({ ...complete.route(value), ...ownAddresses.get(value.host) }));
  return {
    profile: file,
    name: settings.name?.value ?? basename(dirname(file)),
    files: input.files,
    kubeconfig: settings.kubeconfig?.value ?? input.kubeconfig,
    strangers: input.strangers,
    context: complete.context,
    namespace: complete.namespace,
    contexts: complete.contexts,
    idleTimeoutMs: settings.idleTimeoutMs?.value ?? defaults.idleTimeoutMs,
    startTimeoutMs: settings.startTimeoutMs?.value ?? defaults.startTimeoutMs,
    http: {
      listen,
      suffix: settings.suffix?.value ?? defaults.suffix,
      dynamic: complete.reach(layer),
      allowOrigins: settings.allowOrigins?.value ?? [],
    },
    routes,
    patterns: [...layer.patterns.values()].map(({ value }) => complete.pattern(value)),
    listeners: [
      { kind: "names", door: "http", listen },
      ...[...layer.tcp.values()].map(({ value }) => complete.port(value)),
      ...routes.flatMap((route) => ownListener(route)),
    ],
    env: Object.fromEntries([...layer.env].map(([name, { value }]) => [name, value])),
    expose:
      settings.expose?.value === true || settings.exposeHttp?.value === true || [...layer.tcp.values()].some(({ value }) => value.expose),
  };
}
