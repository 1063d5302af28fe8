/** How a tunnel reaches its target: what is followed, by what connections are opened, and whether the relay takes part. */

import type { Clock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { Cluster, Following, Resolution } from "#kube/objects/types.ts";
import { type AddressTarget, carriersOf, namespaceOf, type PodTarget, type RelayedTarget, type Target } from "#route/target.ts";
import { fixedEndpoint, FlowCarrier } from "#tunnel/flow/flow-carrier.ts";
import type { FlowRelay } from "#tunnel/flow/flow-relay.ts";
import { ForwardCarrier } from "#tunnel/forward/forward-carrier.ts";
import type { SessionPools } from "#tunnel/forward/pools.ts";
import { JumpCarrier } from "#tunnel/jump/jump-carrier.ts";
import type { JumpReaper } from "#tunnel/jump/reaper.ts";
import type { JumpTools } from "#tunnel/jump/tools.ts";
import type { Carrier } from "#tunnel/pipe/carrier.ts";
import { tunnelLimits } from "./limits.ts";
import { OwnRelay } from "#tunnel/relay/own-relay.ts";
import { RelayCarrier, RelayFirstCarrier } from "#tunnel/relay/relay-carrier.ts";
import type { RelayedAddress } from "#tunnel/relay/relay-way.ts";
import { ServiceOrRelay } from "#tunnel/relay/service-or-relay.ts";
import type { Relays, RelayUse } from "#tunnel/relay/relays.ts";

export interface WayOptions {
  readonly target: Target;
  readonly cluster: Cluster;
  /** See FollowRequest. */
  readonly isGuess: boolean;
  readonly pools: SessionPools;
  readonly tools: JumpTools;
  readonly reaper: JumpReaper;
  /** Absent where there are none. */
  readonly relays: Relays | undefined;
  /** What carries datagrams instead of them. */
  readonly relay: FlowRelay | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly onChange: (resolution: Resolution) => void;
}

export interface Way {
  readonly following: Following;
  readonly carrier: Carrier;
  close(): void;
}

/** Throws KtError where the target needs a relay and the profile has none. */
export function openWay(options: WayOptions): Way {
  const { target } = options;
  if (target.transport === "udp") return flowWay(options, target);
  if (target.kind === "relayed") return relayedWay(options, target);
  return podWay(options, target);
}

/** Datagrams have no other way than the relay. */
function flowWay(options: WayOptions, target: PodTarget | RelayedTarget): Way {
  const { cluster, relays } = options;
  const { profile } = target.cluster;
  const use = relays && useIfPossible(relays, profile, cluster);
  const namespace = namespaceOf(target) ?? cluster.namespace;
  const carrier = new FlowCarrier(options.relay ?? relays, { profile, cluster, namespace });
  return wayOf(target.kind === "relayed" ? fixedEndpoint(target) : follow(options, target), carrier, use);
}

function follow(
  { cluster, isGuess, onChange }: Pick<WayOptions, "cluster" | "isGuess" | "onChange">,
  target: PodTarget | AddressTarget,
): Following {
  const { kind, name, namespace = cluster.namespace, port, transport } = carriersOf(target);
  const protocol = transport === "udp" ? "UDP" : "TCP";
  const otherwise = target.derived?.otherwise?.called;
  return cluster.follow({ kind, namespace, name, port, protocol, isGuess, ...(otherwise !== undefined && { otherwise }) }, onChange);
}

function relayedWay({ cluster, relays, onChange }: WayOptions, target: RelayedTarget): Way {
  if (!relays) throw new KtError("relay-failed", "this needs the relay, which is only there with a profile");
  const use = relays.use(target.cluster.profile, cluster);
  const following = use.relay.follow(onChange);
  return wayOf(following, new RelayCarrier(use.relay, target), use);
}

function podWay(options: WayOptions, target: PodTarget | AddressTarget): Way {
  const { cluster, relays, clock } = options;
  const { profile } = target.cluster;
  const namespace = namespaceOf(target) ?? cluster.namespace;
  const carrier = withoutRelay(options, target, namespace);
  if (!relays) return wayOf(follow(options, target), carrier, undefined);
  const own = cluster.podNetwork && new OwnRelay(cluster.podNetwork, tunnelLimits.podConnectMs);
  const isFirst = own === undefined && relays.settingsFor(profile)?.mode === "always";
  const use = isFirst ? useIfPossible(relays, profile, cluster) : undefined;
  const first = new RelayFirstCarrier({
    relay: () => use?.relay ?? (target.via ? relays.find(profile, cluster) : own),
    placeOf: ({ address, port: number }): RelayedAddress | undefined => {
      if (target.via) return target;
      return address === undefined ? undefined : { host: address, port: number };
    },
    fallback: carrier,
    clock,
  });
  // Any program makes up names: none of them starts a pod.
  if (target.kind !== "service" || typeof target.port !== "number" || options.isGuess) return wayOf(follow(options, target), first, use);
  const either = new ServiceOrRelay({
    follow: (onChange) => follow({ ...options, onChange }, target),
    carrier: first,
    place: { host: `${target.name}.${namespace}.svc`, port: target.port },
    use: () => useIfPossible(relays, profile, cluster),
    onChange: options.onChange,
  });
  return wayOf(either, either, use);
}

/** Without the relay everything goes as it did before there was one. */
function useIfPossible(relays: Relays, profile: string, cluster: Cluster): RelayUse | undefined {
  try {
    return relays.use(profile, cluster);
  } catch {
    return undefined;
  }
}

function withoutRelay(options: WayOptions, target: PodTarget | AddressTarget, namespace: string): Carrier {
  const { pools, cluster, tools, reaper, clock, log } = options;
  if (!target.via) return new ForwardCarrier(pools, cluster, namespace);
  return new JumpCarrier({ target, cluster, namespace, tools, reaper, clock, log });
}

function wayOf(following: Following, carrier: Carrier, use: RelayUse | undefined): Way {
  return {
    following,
    carrier,
    close() {
      following.close();
      if (!Object.is(carrier, following)) carrier.close();
      use?.release();
    },
  };
}
