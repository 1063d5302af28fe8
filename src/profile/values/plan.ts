/** The Plan: all that the hub needs to know about one profile. */

import type { Manner } from "#route/lookup.ts";
import type { HostPattern } from "#route/pattern.ts";
import type { DynamicReach } from "#route/lookup.ts";
import type { RelaySettings } from "#route/relay-settings.ts";
import type { Termination } from "#route/route-tls.ts";
import type { BackendScheme, Target, Transport } from "#route/target.ts";
import type { TargetTemplate } from "#route/template.ts";

/** Where to listen. `host` is an IP address without brackets. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  /** Absent: TCP. One number is a port of each. */
  readonly transport?: Transport;
}

export interface PlannedRoute {
  /** As the user wrote it, the identity of the route: a hostname in [routes]. */
  readonly name: string;
  /** Normalised. */
  readonly host: string;
  readonly target: Target;
  readonly scheme: BackendScheme;
  readonly manner: Manner;
  /** Absent: TLS is passed through. */
  readonly tls?: Termination;
  /** The path that is asked for to see whether the backend is well; undefined where a TCP connection tells. */
  readonly health?: string;
  /** For programs that do not resolve the name: where everything leads to this route. Only where [env] speaks of it. */
  readonly address?: ListenAddress;
}

export interface PlannedPattern {
  /** As written, e.g. `{service}.{namespace}.shop.localhost`. */
  readonly name: string;
  readonly pattern: HostPattern;
  readonly target: TargetTemplate;
  /** Undefined: https where the port that a name captures says so (443, 8443, https), else http. */
  readonly scheme: BackendScheme | undefined;
  readonly manner: Manner;
  readonly tls?: Termination;
}

interface Listens {
  /** What speaks to the clients that come: the name of one of the hub's doors. */
  readonly door: string;
  /** One address, or 127.0.0.1 and ::1 for a bare port. */
  readonly listen: readonly ListenAddress[];
}

/** Where all hostnames of the profile are served. Profiles may share the addresses. */
export interface PlannedFrontDoor extends Listens {
  readonly kind: "names";
}

/** Where one hostname is served by its address. */
export interface PlannedOwnAddress extends Listens {
  readonly kind: "route";
  readonly route: PlannedRoute;
}

/** A port that leads to one target. */
export interface PlannedPort extends Listens {
  readonly kind: "port";
  /** As written: "5432" or "127.0.0.1:5432"; under [udp] with "/udp" behind it. */
  readonly name: string;
  readonly target: Target;
  /** Of UDP: how long a client may be silent, both ways, before its session is over. */
  readonly sessionTimeoutMs?: number;
  /** Where no profile names it: the service of a [[forward]] that it is. */
  readonly forwarded?: ForwardedFrom;
}

/** Where names are asked for, by UDP and TCP. Profiles may share the addresses. */
export interface PlannedDns extends Listens {
  readonly kind: "dns";
}

/** Where clients of SOCKS5 and HTTP proxies come in. Profiles may share the addresses. */
export interface PlannedProxy extends Listens {
  readonly kind: "proxy";
}

export type PlannedListener = PlannedFrontDoor | PlannedOwnAddress | PlannedPort | PlannedDns | PlannedProxy;

/** A service, or one pod of a headless one. */
export interface ForwardedFrom {
  /** Its cluster, unlike that of any other by which a profile may know the same context. */
  readonly cluster: string;
  readonly namespace: string;
  readonly service: string;
  readonly pod?: string;
}

/** Whole namespaces: one [[forward]]. */
export interface PlannedForward {
  /** Undefined is the kubeconfig's current one. */
  readonly context: string | undefined;
  /** Names and globs. Undefined is the context's own namespace. */
  readonly namespaces: readonly string[] | undefined;
  /** Labels of services, as the API takes it. */
  readonly selector: string | undefined;
  /** Names and globs of services; none is all. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** From service ports to local ports; others are the same. */
  readonly ports: ReadonlyMap<number, number>;
  /** Normalised. */
  readonly domain: string | undefined;
}

/** A port of a service in the cluster whose connections come to this machine: one [[reverse]]. */
export interface PlannedReverse {
  /** The service and port as written. */
  readonly name: string;
  /** Undefined is the kubeconfig's current one. */
  readonly context: string | undefined;
  /** Undefined is the context's own. */
  readonly namespace: string | undefined;
  readonly service: string;
  readonly port: number;
  /** Loopback addresses, tried in this order. */
  readonly local: readonly ListenAddress[];
  /** Also where there is such a service already. */
  readonly replace: boolean;
}

/** [addresses]. */
export interface PlannedAddresses {
  readonly base: string;
  readonly reserve: readonly PlannedReserve[];
}

export interface PlannedReserve {
  /** Undefined is the context's own. */
  readonly namespace: string | undefined;
  readonly service: string;
  readonly address: string;
}

/** [health]: how targets in use are checked. */
export interface PlannedHealth {
  readonly intervalMs: number;
  /** Of one check. */
  readonly timeoutMs: number;
  /** So many failed checks in a row make a problem. */
  readonly failures: number;
}

/** [retry]: how often a request that was lost without an answer is sent again. */
export interface PlannedRetry {
  readonly max: number;
  readonly delayMs: number;
}

/** [timeouts] of requests; 0 is none. */
export interface PlannedTimeouts {
  readonly readMs: number;
  readonly headerMs: number;
  readonly writeMs: number;
  readonly grpcMs: number;
}

/** [limits] of connections; 0 is none. */
export interface PlannedLimits {
  /** In use at once. */
  readonly inAll: number;
  readonly perTarget: number;
  readonly waitMs: number;
  /** Kept for the next request. */
  readonly idle: number;
  readonly idlePerTarget: number;
}

export interface Plan {
  /** The profile's identity in the hub: the absolute path of its file. */
  readonly profile: string;
  /** For people: `name`, default the folder's name. */
  readonly name: string;
  /** Absolute paths of every file that was read or looked for (extends, local override): a change in any means a reload. */
  readonly files: readonly string[];
  /** Absolute paths, in order of precedence; empty means the in-cluster service account or nothing. */
  readonly kubeconfig: readonly string[];
  /**
   * Which of them are not what the user's own tools take: by path, the SHA-256 of the text that the consent is about. A kubeconfig
   * with another text may still speak to its own server with its own credentials, and do nothing else. With them the programs and files
   * that they name in the folder, by their states: a plugin runs only while these are what the consent is about.
   */
  readonly strangers: Readonly<Record<string, string>>;
  /** Default context and namespace; undefined leaves them to the kubeconfig. */
  readonly context: string | undefined;
  readonly namespace: string | undefined;
  /** Short names of contexts, usable wherever a context is named. Already applied to the targets below. */
  readonly contexts: Readonly<Record<string, string>>;
  /** 0 means never. */
  readonly idleTimeoutMs: number;
  readonly startTimeoutMs: number;
  /** Undefined: nothing is checked. */
  readonly health: PlannedHealth | undefined;
  readonly retry: PlannedRetry;
  readonly timeouts: PlannedTimeouts;
  readonly limits: PlannedLimits;
  readonly http: {
    readonly listen: readonly ListenAddress[];
    /** Of the built-in dynamic names, normalised. */
    readonly suffix: string;
    /** Which contexts the dynamic names reach. */
    readonly dynamic: DynamicReach;
    /** Namespaces, names and patterns, whose services have their cluster's names at the front door; none is none. */
    readonly clusterNames: readonly string[];
    /** Origins of pages that may ask, as `parseAllowedOrigin` returns them. */
    readonly allowOrigins: readonly string[];
    /** Of the names that neither a route nor a pattern has: dynamic ones, and kt's own. */
    readonly tls?: Termination;
  };
  readonly routes: readonly PlannedRoute[];
  readonly patterns: readonly PlannedPattern[];
  /** All that the profile listens on. */
  readonly listeners: readonly PlannedListener[];
  /** In the order of the profile: the first counts where two have the same service or the same name. */
  readonly forwards: readonly PlannedForward[];
  readonly addresses: PlannedAddresses;
  /** [proxy], but for where it listens. */
  readonly proxy: {
    /** What is not in the cluster is dialled from this machine. */
    readonly direct: boolean;
    /** Commands of `kt run` are to use it. */
    readonly env: boolean;
  };
  /** What the full names of services end with, normalised. */
  readonly clusterDomain: string;
  readonly relay: RelaySettings;
  readonly reverses: readonly PlannedReverse[];
  /** [env], with `${tcp…}` and `${routes…}` left in for `kt env`; `${VAR}` filled. */
  readonly env: Readonly<Record<string, string>>;
  /** True when the profile says `expose = true`: only then may it listen beyond loopback. */
  readonly expose: boolean;
}

/** Something in a profile that is odd but not wrong. */
export interface ProfileWarning {
  readonly message: string;
  /** Which route it is about, by its name. */
  readonly route: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}
