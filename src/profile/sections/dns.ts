/** [dns]: a DNS server for the names of this profile. */

import * as v from "valibot";
import { parseClusterDomain } from "#profile/values/domain.ts";
import type { Placed } from "#profile/values/placed.ts";
import type { ListenAddress } from "#profile/values/plan.ts";
import { listenShape, readListen } from "./listen.ts";
import { bySetting, type Section } from "./section.ts";

const shape = v.pipe(
  v.strictObject(
    {
      listen: v.optional(
        v.pipe(
          listenShape,
          v.description(
            "Where names are asked for, by UDP and TCP: on this machine only. It answers for the names of every attached profile, and asks this machine's name servers for all others. Default: nowhere.",
          ),
          v.examples(["127.0.0.1:8953"]),
        ),
      ),
      cluster_domain: v.optional(
        v.pipe(
          v.string('a domain such as "cluster.local"'),
          v.description('What the full names of services end with, as the cluster itself has them. Default: "cluster.local".'),
          v.examples(["cluster.local"]),
        ),
      ),
    },
    "a table",
  ),
  v.description("A DNS server for the names of services and routes."),
);

type Given = v.InferOutput<typeof shape>;

/** Undefined where the file does not say it. */
export type DnsSettings = {
  readonly listen: Placed<readonly ListenAddress[]> | undefined;
  readonly clusterDomain: Placed<string> | undefined;
};

export const dns: Section<Given, DnsSettings> = {
  shape,
  read: (reader, given = {}) => ({
    // An empty list is nowhere, as against a file below that says where.
    listen: readListen(reader, ["dns", "listen"], given.listen),
    clusterDomain: reader.setting(["dns", "cluster_domain"], given.cluster_domain, parseClusterDomain),
  }),
  merge: bySetting,
  listens: ({ listen }) =>
    listen === undefined ? [] : [{ name: "[dns] listen", listen: { ...listen, value: listen.value.flatMap(bothTransports) } }],
};

function bothTransports(address: ListenAddress): ListenAddress[] {
  return [address, { ...address, transport: "udp" }];
}
