/** How the targets of the attached profiles are checked: by the path that a route names, else by a TCP connection. */

import type { Clock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { upgrade } from "#http/client.ts";
import { tlsClient } from "#net/tls.ts";
import type { Plan, PlannedRoute } from "#profile/values/plan.ts";
import { schemeOfAppProtocol } from "#route/app-protocol.ts";
import { targetKey, type Target } from "#route/target.ts";
import type { HealthCheck, Probe } from "#tunnel/health/health-check.ts";
import { tcpProbe } from "#tunnel/health/tcp-probe.ts";

/** A redirect to a login is an answer of a program that is well (RFC 9110 §15). */
const firstFailure = 400;

type CheckedRoute = PlannedRoute & { readonly health: string };

export interface HealthChecksOptions {
  /** What the cluster says about the port, while the tunnel is up. */
  readonly appProtocolOf: (target: Target) => string | undefined;
  readonly clock: Clock;
}

export class HealthChecks {
  readonly #options: HealthChecksOptions;
  readonly #tcpProbe: Probe;
  #plans: ReadonlyMap<string, Plan> = new Map();
  /** Of routes that name a path, by the target's key; the first of several counts. */
  #pathProbes: ReadonlyMap<string, Probe> = new Map();

  constructor(options: HealthChecksOptions) {
    this.#options = options;
    this.#tcpProbe = tcpProbe(options.clock);
  }

  apply(plans: readonly Plan[]): void {
    const checked = plans.flatMap(({ routes }) => routes.filter((route): route is CheckedRoute => route.health !== undefined));
    this.#plans = new Map(plans.map((plan) => [plan.profile, plan]));
    this.#pathProbes = new Map(checked.toReversed().map((route) => [targetKey(route.target), this.#pathProbe(route)]));
  }

  /** Undefined where the profile wants none. Asked every second for each target in use. */
  of(target: Target, key: string): HealthCheck | undefined {
    const settings = this.#plans.get(target.cluster.profile)?.health;
    // Datagrams are not answered by protocol: silence says nothing of a program that is well.
    if (!settings || target.transport === "udp") return undefined;
    return { ...settings, probe: this.#pathProbes.get(key) ?? this.#tcpProbe };
  }

  #pathProbe({ host, target, scheme, manner, health }: CheckedRoute): Probe {
    return async (conn, signal) => {
      const said = manner.schemeGiven ? undefined : schemeOfAppProtocol(this.#options.appProtocolOf(target));
      const isTls = (said ?? scheme) === "https";
      // Whether the certificate is right is the browser's question; requests of clients do not ask it either.
      const spoken = isTls ? (await tlsClient(conn, { serverName: host, insecure: true, alpn: ["http/1.1"] }, signal)).conn : conn;
      await get(spoken, host, health, signal);
    };
  }
}

/** The head is the answer: a body may be of any length. */
async function get(conn: Parameters<typeof upgrade>[0], host: string, path: string, signal: AbortSignal): Promise<void> {
  const headers = [["Host", host] as const, ["User-Agent", "kt-health"] as const, ["Connection", "close"] as const];
  const answer = await upgrade(conn, { method: "GET", target: path, headers }, signal, () => true);
  if ("conn" in answer) answer.conn.abort();
  const { status } = answer.head;
  // A query may hold what is not for everyone.
  if (status >= firstFailure) throw new KtError("unhealthy", `GET ${path.replace(/\?.*/s, "")} was answered with ${status}`);
}
