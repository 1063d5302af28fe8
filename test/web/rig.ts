/** The hub's own pages in memory: a site with facts of its own, and a client that asks it. */

import { systemClock } from "#base/clock.ts";
import type { Snapshot } from "#control/api.ts";
import { Journal } from "#observe/journal.ts";
import { RequestLog } from "#observe/request-log.ts";
import type { HubFacts } from "#web/facts/hub-facts.ts";
import { Site } from "#web/site.ts";
import { memoryPair } from "#test/support/memory-conn.ts";
import { Recorder } from "#test/support/recorder.ts";

export const token = "a-token-of-this-test";

type Profile = Snapshot["profiles"][number];
type Route = Profile["routes"][number];

export function routeOf(fields: Partial<Route> = {}): Route {
  return {
    kind: "http",
    name: "web.localhost",
    url: "http://web.localhost:8989",
    target: "shop/svc/web:80",
    state: "running",
    pods: ["web-0"],
    openConnections: 0,
    totalConnections: 0,
    failures: 0,
    requests: 0,
    receivedBytes: 0,
    sentBytes: 0,
    ...fields,
  };
}

export function profileOf(fields: Partial<Profile> = {}): Profile {
  return {
    profile: "/p/tunnels.toml",
    name: "shop",
    pinned: true,
    clients: 0,
    listeners: [],
    warnings: [],
    routes: [routeOf()],
    ...fields,
  };
}

const hello = { protocol: 1, version: "1.2.3", commit: "abc", pid: 1 };

export function factsOf(fields: Partial<HubFacts> & { readonly profiles?: Profile[] } = {}): HubFacts {
  const { profiles = [profileOf()], ...rest } = fields;
  return {
    hello,
    startedAtMs: 1000,
    handle: () => {},
    journal: new Journal(systemClock),
    requests: new RequestLog(systemClock),
    environment: { PATH: "/bin" },
    tokenFile: "/run/kt/token",
    snapshot: () => ({ hub: { ...hello, startedAtMs: 1000 }, profiles }),
    targets: () => [],
    counters: () => undefined,
    proxies: () => [],
    process: () => ({ cpuSeconds: 1, residentBytes: 2, openDescriptors: 3, maxDescriptors: Number.POSITIVE_INFINITY }),
    targetProfiles: { write: async () => "/p/forward/tunnels.toml", remove: async () => {} },
    diagnose: async () => [],
    ...rest,
  };
}

export function siteOf(facts: HubFacts = factsOf()): Site {
  return new Site({ facts, host: "kt.localhost", token, clock: systemClock });
}

export interface Answered {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** At the metrics' own address. */
  readonly scrapes?: boolean;
}

const usual = { Host: "kt.localhost:8989", Authorization: `Bearer ${token}` };

/** With the token, unless `headers` says otherwise; a header with an empty value is left out. */
export async function ask(
  site: Site,
  path: string,
  { method = "GET", headers = {}, body = "", scrapes = false }: Asking = {},
): Promise<Answered> {
  const [near, far] = memoryPair();
  if (scrapes) site.serveMetrics(far);
  else site.serve(far);
  const client = new Recorder(near);
  const fields = Object.entries({ ...usual, ...headers, Connection: "close", "Content-Length": String(Buffer.byteLength(body)) });
  const lines = fields.filter(([, value]) => value !== "").map(([name, value]) => `${name}: ${value}\r\n`);
  client.write(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
  await client.untilEnd();
  return answerOf(client.text());
}

export function answerOf(text: string): Answered {
  const end = text.indexOf("\r\n\r\n");
  const [line = "", ...fields] = text.slice(0, end).split("\r\n");
  const headers = new Map(
    fields.map((field) => [field.slice(0, field.indexOf(":")).toLowerCase(), field.slice(field.indexOf(":") + 2)] as const),
  );
  return { status: Number(line.split(" ")[1]), headers, body: text.slice(end + 4) };
}
