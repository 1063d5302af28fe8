/** [proxy]: a proxy for programs and browsers, through which names of the cluster lead there. */

import * as v from "valibot";
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
            "Where the proxy listens, on this machine only: SOCKS5, HTTP CONNECT and HTTP with whole URLs on one port. SERVICE.NAMESPACE, with .svc or .svc.cluster.local behind it or not, and the ClusterIPs of services lead to the cluster, in the namespaces that the profile speaks of: its own, and those of its routes and of [[forward]]. Default: nowhere.",
          ),
          v.examples(["127.0.0.1:8988"]),
        ),
      ),
      direct: v.optional(
        v.pipe(
          v.boolean("true or false"),
          v.description(
            "What is not in the cluster is dialled from this machine, which itself is not reached that way. Default: false, it is refused.",
          ),
        ),
      ),
      env: v.optional(
        v.pipe(
          v.boolean("true or false"),
          v.description(
            "kt run and kt env set ALL_PROXY, HTTP_PROXY, HTTPS_PROXY and NO_PROXY, in capitals and in small letters, so that programs use the proxy. Default: false.",
          ),
        ),
      ),
    },
    "a table",
  ),
  v.description("A proxy for programs and browsers that knows the names of the cluster."),
);

type Given = v.InferOutput<typeof shape>;

/** Undefined where the file does not say it. */
export type ProxySettings = {
  readonly listen: Placed<readonly ListenAddress[]> | undefined;
  readonly direct: Placed<boolean> | undefined;
  readonly env: Placed<boolean> | undefined;
};

export const proxy: Section<Given, ProxySettings> = {
  shape,
  read: (reader, given = {}) => ({
    // An empty list is nowhere, as against a file below that says where.
    listen: readListen(reader, ["proxy", "listen"], given.listen),
    direct: reader.asWritten(["proxy", "direct"], given.direct),
    env: reader.asWritten(["proxy", "env"], given.env),
  }),
  merge: bySetting,
  listens: ({ listen }) => (listen === undefined ? [] : [{ name: "[proxy] listen", listen }]),
};
