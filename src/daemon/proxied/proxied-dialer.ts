/** Dials what a client of the proxy asks for by address, or outside of the cluster. */

import { KtError } from "#base/errors.ts";
import { formatHostPort } from "#base/hostname.ts";
import type { Conn } from "#base/conn.ts";
import type { Link } from "#proxy/door/dialer.ts";
import { refusedApiServer } from "#route/reach.ts";
import { formatTarget, type PodTarget, type ProxiedTarget } from "#route/target.ts";
import { type AskedNamesOfHub, notReached } from "./asked-names.ts";
import type { ServiceAddresses } from "./service-addresses.ts";

export interface ProxiedDialerOptions {
  readonly names: Pick<AskedNamesOfHub, "namesOf">;
  readonly addresses: Pick<ServiceAddresses, "find">;
  /** See Dialer. */
  readonly dial: (target: PodTarget, signal: AbortSignal) => Promise<Link>;
  readonly connect: (options: { readonly host: string; readonly port: number; readonly signal: AbortSignal }) => Promise<Conn>;
}

export class ProxiedDialer {
  readonly #options: ProxiedDialerOptions;

  constructor(options: ProxiedDialerOptions) {
    this.#options = options;
  }

  async dial(target: ProxiedTarget, signal: AbortSignal): Promise<Link> {
    const service = await this.#serviceAt(target);
    if (service) return await this.#options.dial(service, signal);
    const { host, port, direct, profiles } = target;
    if (!direct) {
      const [why, hint] = notReached(profiles.flatMap((profile) => this.#options.names.namesOf(profile) ?? []));
      throw new KtError("name-refused", `"${host}" ${why.replace("is not a service", "is not the address of a service")}`, {
        hints: [hint],
      });
    }
    return outsideLink(await this.#options.connect({ host, port, signal }), formatHostPort(target));
  }

  /** Names have been looked up before. Throws KtError `name-refused` for the API server. */
  async #serviceAt({ host, port, profiles }: ProxiedTarget): Promise<PodTarget | undefined> {
    if (!/^[\d.]+$|:/.test(host)) return undefined;
    for (const profile of profiles) {
      const { clusters = [] } = this.#options.names.namesOf(profile) ?? {};
      const found = await this.#options.addresses.find(host, profile, clusters);
      if (!found) continue;
      const { cluster, namespace, name } = found;
      const place = { profile, context: cluster.ref };
      const target: PodTarget = { kind: "service", cluster: place, namespace, name, port, derived: { mustBeCurrent: false } };
      const refused = refusedApiServer(host, target, `[routes] "NAME.localhost" = "${formatTarget(target)}"`);
      if (refused) throw new KtError("name-refused", refused.reason, { hints: [refused.hint] });
      return target;
    }
    return undefined;
  }
}

/** It is used by one request after the other like any other. */
function outsideLink(conn: Conn, place: string): Link {
  return { conn, pod: place, usable: () => true, park() {}, unpark() {} };
}
