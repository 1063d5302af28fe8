/** Turns a merged layer that has no problems into a Plan. */

import { basename, dirname } from "node:path";
import { Completion } from "./completion.ts";
import type { Layer } from "#profile/read/layer.ts";
import { generalTunables } from "#profile/sections/general.ts";
import { health } from "#profile/sections/health.ts";
import { frontDoorAddresses } from "#profile/sections/http.ts";
import type { LayerRelay } from "#profile/sections/relay.ts";
import { limits } from "#profile/sections/limits.ts";
import { retry } from "#profile/sections/retry.ts";
import { portEntries } from "#profile/sections/section.ts";
import { timeouts } from "#profile/sections/timeouts.ts";
import { effective } from "#profile/sections/tunable.ts";
import { isLoopback, overlaps } from "#profile/values/listen.ts";
import type {
  ListenAddress,
  Plan,
  PlannedHealth,
  PlannedLimits,
  PlannedListener,
  PlannedRoute,
  PlannedTimeouts,
  ProfileWarning,
} from "#profile/values/plan.ts";
import { spokenPlaces } from "#profile/values/planned.ts";
import { ownAddressOf } from "#profile/values/own-address.ts";
import { hostsWithAddress } from "#profile/values/references.ts";
import type { RelaySettings } from "#route/relay-settings.ts";
import { type ReadTls, terminationOf } from "./tls.ts";

const defaults = {
  addressBase: "127.1.27.1",
  clusterDomain: "cluster.local",
  suffix: "k8s.localhost",
} as const;

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
  readonly tls: ReadTls;
}

/** Systems resolve `*.localhost` to the loopback address by themselves (RFC 6761 §6.3), and no other name. */
function isLocalhost(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost");
}

/** What is odd but not wrong. */
export function warnings(layer: Layer): ProfileWarning[] {
  // What others reach has names that lead to this machine from elsewhere.
  if (!frontDoorAddresses(layer).every(isLoopback)) return [];
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
  const ofSettings = layer.listens.flatMap((setting) => setting.listen.value);
  const taken = [...listen, ...ofSettings, ...portEntries(layer.entries).flatMap(({ value }) => value.listen)];
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

function dnsListener({ dns: { listen } }: Layer): PlannedListener[] {
  return listen === undefined || listen.value.length === 0 ? [] : [{ kind: "dns", door: "dns", listen: listen.value }];
}

function proxyListener({ proxy: { listen } }: Layer): PlannedListener[] {
  return listen === undefined || listen.value.length === 0 ? [] : [{ kind: "proxy", door: "proxy", listen: listen.value }];
}

function relaySettings(relay: LayerRelay, namespace: string | undefined): RelaySettings {
  return {
    mode: relay.mode?.value ?? "auto",
    image: relay.image?.value,
    namespace: relay.namespace?.value ?? namespace,
    nodeSelector: relay.nodeSelector?.value ?? {},
    tolerations: relay.tolerations?.value ?? [],
    resources: relay.resources?.value ?? { requests: {}, limits: {} },
    labels: relay.labels?.value ?? {},
  };
}

function healthOf(layer: Layer): PlannedHealth | undefined {
  const { enabled, interval, timeout, failures } = effective(layer.health, health.tunables);
  return enabled ? { intervalMs: interval, timeoutMs: timeout, failures } : undefined;
}

function timeoutsOf(layer: Layer): PlannedTimeouts {
  const { read, header, write, grpc } = effective(layer.timeouts, timeouts.tunables);
  return { readMs: read, headerMs: header, writeMs: write, grpcMs: grpc };
}

function limitsOf(layer: Layer): PlannedLimits {
  const { connections, per_target: perTarget, wait, idle, idle_per_target: idlePerTarget } = effective(layer.limits, limits.tunables);
  return { inAll: connections, perTarget, waitMs: wait, idle, idlePerTarget };
}

/** Of the profile's own context: names say no other. */
function clusterNamesOf({ http: { clusterNames } }: Layer, plan: Parameters<typeof spokenPlaces>[0]): readonly string[] {
  const said = clusterNames?.value ?? false;
  if (typeof said !== "boolean") return said;
  const own = spokenPlaces(plan).filter(({ context }) => context === plan.context);
  return said ? [...new Set(own.flatMap(({ namespace }) => namespace ?? []))] : [];
}

/** The Plan of a layer that has no problems. */
export function compile(input: CompileInput): Plan {
  const { file, layer } = input;
  const { settings, http } = layer;
  const complete = new Completion(file, layer);
  const listen = frontDoorAddresses(layer);
  const ownAddresses = ownAddressesOf(input, listen);
  const routes = [...layer.routes.values()].map(({ value }) => ({
    ...complete.route(value, input.tls.routes.get(value.host)),
    ...ownAddresses.get(value.host),
  }));
  const tls = terminationOf(layer, undefined);
  const patterns = [...layer.patterns.values()].map(({ value }) => complete.pattern(value, terminationOf(layer, value.tls)));
  const forwards = [...layer.forward.values()].map(({ value }) => complete.forward(value));
  const listeners: PlannedListener[] = [
    { kind: "names", door: "http", listen },
    ...portEntries(layer.entries).map(({ value }) => complete.port(value)),
    ...routes.flatMap((route) => ownListener(route)),
    ...dnsListener(layer),
    ...proxyListener(layer),
  ];
  const { context, namespace } = complete;
  const general = effective(settings, generalTunables);
  const retries = effective(layer.retry, retry.tunables);
  return {
    profile: file,
    name: settings.name?.value ?? basename(dirname(file)),
    files: [...input.files, ...input.tls.files],
    kubeconfig: settings.kubeconfig?.value ?? input.kubeconfig,
    strangers: input.strangers,
    context,
    namespace,
    contexts: complete.contexts,
    idleTimeoutMs: general.idle_timeout,
    startTimeoutMs: general.start_timeout,
    health: healthOf(layer),
    timeouts: timeoutsOf(layer),
    limits: limitsOf(layer),
    retry: { max: retries.max, delayMs: retries.delay },
    http: {
      listen,
      suffix: http.suffix?.value ?? defaults.suffix,
      dynamic: complete.reach(layer),
      clusterNames: clusterNamesOf(layer, { context, namespace, forwards, routes, listeners, patterns }),
      allowOrigins: http.allowOrigins?.value ?? [],
      ...(tls && { tls }),
    },
    routes,
    patterns,
    listeners,
    forwards,
    addresses: {
      base: layer.addresses.base?.value ?? defaults.addressBase,
      reserve: [...layer.addresses.reserve.values()].map(({ value }) => complete.reserve(value)),
    },
    proxy: { direct: layer.proxy.direct?.value ?? false, env: layer.proxy.env?.value ?? false },
    clusterDomain: layer.dns.clusterDomain?.value ?? defaults.clusterDomain,
    relay: relaySettings(layer.relay, complete.namespace),
    reverses: [...layer.reverse.values()].map(({ value }) => complete.reverse(value)),
    env: Object.fromEntries([...layer.env].map(([name, { value }]) => [name, value])),
    expose: settings.expose?.value === true || http.expose?.value === true || portEntries(layer.entries).some(({ value }) => value.expose),
  };
}
