/** An API server that only answers what `kt doctor` asks, with a certificate and a clock of the test's choice. */

import { type Server, serve } from "bun";
import { selfSigned } from "#tls/self-signed.ts";

/** The name in its certificate; it listens on 127.0.0.1. */
export const stubName = "api.test";

export interface StubOptions {
  /** When its certificate was made, which lasts a day. */
  readonly madeAtMs?: number;
  /** By how much its clock is ahead of ours. */
  readonly aheadMs?: number;
  /** As "create pods/portforward"; everything else is allowed. */
  readonly forbidden?: readonly string[];
  /** Refuses everybody. */
  readonly refuses?: boolean;
}

export interface StubApi extends Disposable {
  readonly url: string;
  /** PEM. */
  readonly ca: string;
  /** The reviews that were asked for, as "create pods/portforward in shop". */
  readonly asked: readonly string[];
}

interface Review {
  readonly kind: string;
  readonly spec?: {
    readonly resourceAttributes: {
      readonly verb: string;
      readonly resource: string;
      readonly subresource: string;
      readonly namespace: string;
    };
  };
}

export function stubApi({ madeAtMs = Date.now(), aheadMs = 0, forbidden = [], refuses = false }: StubOptions = {}): StubApi {
  const { cert, key } = selfSigned(stubName, madeAtMs);
  const asked: string[] = [];

  function review({ kind, spec }: Review): object {
    if (!spec) return { kind, status: { userInfo: { username: "dev@example.test" } } };
    const { verb, resource, subresource, namespace } = spec.resourceAttributes;
    const action = `${verb} ${resource}${subresource === "" ? "" : `/${subresource}`}`;
    asked.push(`${action} in ${namespace}`);
    return { kind, status: { allowed: !forbidden.includes(action) } };
  }

  const server: Server<undefined> = serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert, key },
    async fetch(request) {
      const headers = { Date: new Date(Date.now() + aheadMs).toUTCString() };
      if (refuses) return Response.json({ kind: "Status", message: "Unauthorized" }, { status: 401, headers });
      if (request.method === "GET") return Response.json({ gitVersion: "v1.35.0" }, { headers });
      const body: Review = JSON.parse(await request.text());
      return Response.json(review(body), { status: 201, headers });
    },
  });
  return { url: `https://127.0.0.1:${server.port}`, ca: cert, asked, [Symbol.dispose]: () => void server.stop(true) };
}

/** A kubeconfig for it, as JSON; `user` and `cluster` are added to their entries. */
export function stubKubeconfig(
  { url, ca }: Pick<StubApi, "url" | "ca">,
  { user = { token: "opaque" }, cluster = {}, context = "dev" }: { user?: object; cluster?: object; context?: string } = {},
): string {
  const entry = { server: url, "tls-server-name": stubName, "certificate-authority-data": Buffer.from(ca).toString("base64"), ...cluster };
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": context,
    clusters: [{ name: context, cluster: entry }],
    users: [{ name: context, user }],
    contexts: [{ name: context, context: { cluster: context, user: context, namespace: "shop" } }],
  });
}
