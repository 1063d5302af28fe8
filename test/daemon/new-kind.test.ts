/** A kind of route that only this test knows: a section, a door, and a row in the table of doors make it run from file to pod. */

import { AllowedOrigins } from "#route/origins.ts";
import { expect, test } from "bun:test";
import * as v from "valibot";
import { systemClock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { silentLog } from "#base/log.ts";
import { doorsOf } from "#daemon/doors.ts";
import { Engine } from "#daemon/engine.ts";
import { Listening } from "#daemon/listening/listening.ts";
import type { PortRoute } from "#daemon/listening/wanted.ts";
import { connectTcp } from "#net/tcp.ts";
import { DnsNames } from "#dns/names.ts";
import { CounterTable } from "#observe/counters.ts";
import { loadPlan } from "#profile/load.ts";
import { byKey, entriesByKey, type LayerPort, type Section } from "#profile/sections/section.ts";
import { sections } from "#profile/sections/sections.ts";
import { readTarget } from "#profile/sections/targets.ts";
import { parseListen } from "#profile/values/listen.ts";
import type { Placed } from "#profile/values/placed.ts";
import { ProfileError } from "#profile/values/problems.ts";
import type { DoorContext } from "#proxy/door/context.ts";
import { Door, type OpenAddress } from "#proxy/door/door.ts";
import { Relays } from "#tunnel/relay/relays.ts";
import { Tunnels } from "#tunnel/tunnels.ts";
import { echo, FakeCluster } from "#test/support/fake-cluster.ts";
import { freePorts } from "#test/support/process.ts";
import { Recorder } from "#test/support/recorder.ts";
import { usualRetry } from "#test/support/retry.ts";

const shape = v.record(v.string(), v.strictObject({ target: v.string("a target") }, "a table with a target"), "a table of ports");

/** `[shout]`: what clients send arrives in upper case. */
const shout: Section<v.InferOutput<typeof shape>, ReadonlyMap<string, Placed<LayerPort>>> = {
  shape,
  read(reader, given = {}) {
    const read = new Map<string, Placed<LayerPort>>();
    for (const [name, entry] of Object.entries(given)) {
      const path = ["shout", name];
      const listen = reader.attempt(path, "key", () => parseListen(name));
      const target = readTarget(reader.source, path, entry);
      if (!listen || !target) continue;
      const port = { name, door: "shout", listen, target, context: undefined, expose: false };
      reader.addOnce(read, name, reader.place(path, port, "key"), "write it once");
    }
    return read;
  },
  merge: byKey,
  entries: entriesByKey,
};

class ShoutDoor {
  readonly #context: DoorContext;
  readonly #door: Door;

  constructor(context: DoorContext) {
    this.#context = context;
    this.#door = new Door(context);
  }

  listen(address: { readonly host: string; readonly port: number }, route: PortRoute): OpenAddress<PortRoute> {
    let current = route;
    const { port, close } = this.#door.open(
      address,
      (conn) => void this.#serve(conn, current),
      () => [],
    );
    return {
      port,
      close,
      leadTo(next) {
        current = next;
      },
    };
  }

  drain(deadlineMs: number): Promise<void> {
    return this.#door.drain(deadlineMs);
  }

  async #serve(client: Conn, { target }: PortRoute): Promise<void> {
    const { conn: pod } = await this.#context.dialer.dial(target, this.#door.closing);
    const upper = (bytes: Uint8Array): Uint8Array => new TextEncoder().encode(new TextDecoder().decode(bytes).toUpperCase());
    client.start({ onData: (bytes) => void pod.write(upper(bytes)), onEnd: () => pod.end(), onDrain() {}, onClose: () => pod.abort() });
    pod.start({ onData: (bytes) => void client.write(bytes), onEnd: () => client.end(), onDrain() {}, onClose: () => client.abort() });
  }
}

const noNames: Parameters<typeof doorsOf>[1] = {
  dns: { names: () => ({ names: new DnsNames([], []), served: () => [] }), servers: () => [] },
  askedNames: () => ({
    lookup: (host) => ({ kind: "unknown", host, nearest: undefined, known: [], hint: undefined }),
    allowedOrigins: () => new AllowedOrigins([]),
  }),
};
const common = { clock: systemClock, log: silentLog, report() {} };

const file = "/p/tunnels.toml";

function load(text: string) {
  const readText = async (path: string): Promise<string | undefined> => (path === file ? text : undefined);
  return loadPlan({ file, environment: {}, home: "/home/me", readText, sections: { ...sections, shout } });
}

/** Clusters, tunnels and doors as the hub has them, with one more row. */
function start() {
  const cluster = new FakeCluster();
  cluster.setPod("web-0", echo);
  cluster.ready("web-0");
  const engine = new Engine({
    providers: {
      prepare: () => Promise.resolve(),
      openCluster: () => cluster,
      relays: (options) => new Relays(options),
      tunnels: (options) => new Tunnels(options),
    },
    doors: (context) => ({ ...doorsOf(context, noNames), shout: new ShoutDoor(context) }),
    viewOf: () => ({ kubeconfig: [], strangers: {}, environment: {} }),
    timeoutsFor: () => ({ idleTimeoutMs: 0, startTimeoutMs: 1000 }),
    ...common,
  });
  const listening = new Listening({ doors: engine.doors, holderOf: async () => undefined, ...common });
  return {
    listening,
    async [Symbol.asyncDispose]() {
      listening.close();
      await engine.drain(0);
      await engine.close();
    },
  };
}

async function clientOf(port: number): Promise<Recorder> {
  return new Recorder(await connectTcp({ host: "127.0.0.1", port, signal: new AbortController().signal }));
}

test("its ports are listened on beside those of [tcp], and each door serves its own", async () => {
  const [http = 0, tcpPort = 0, shoutPort = 0] = freePorts(3);
  const head = `[http]\nlisten = "127.0.0.1:${http}"\n`;
  const { plan } = await load(
    `${head}[tcp]\n"127.0.0.1:${tcpPort}" = "svc/web:80"\n[shout."127.0.0.1:${shoutPort}"]\ntarget = "svc/web:80"\n`,
  );
  await using running = start();
  running.listening.apply([plan]);
  const clients = [await clientOf(tcpPort), await clientOf(shoutPort)];
  for (const client of clients) client.write("hello");
  for (const client of clients) await client.until(() => client.length === 5);
  expect(clients.map((client) => client.text())).toEqual(["hello", "HELLO"]);
  for (const { conn } of clients) conn.abort();
});

test.each([
  ["its shape", "[shout]\n7000 = { target = 1 }\n", '"target" must be a target, not the number 1'],
  ["an unknown key", '[shout.7000]\ntarget = "svc/web:80"\nloud = 1\n', 'unknown key "loud"'],
  ["a port that [tcp] has", '[tcp]\n7000 = "svc/web:80"\n[shout.7000]\ntarget = "svc/web:80"\n', '"7000" is taken by "7000"'],
  ["a wide address", '[shout."0.0.0.0:7000"]\ntarget = "svc/web:80"\n', "0.0.0.0:7000 can be reached from other machines"],
])("it is checked as the others are: %s", async (_, text, message) => {
  const error = await load(text).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ProfileError);
  expect((error as ProfileError).problems.map((problem) => problem.message)).toEqual([expect.stringContaining(message)]);
});

test("the hub has a door for each kind of listener that a profile can have", async () => {
  const env = '[dns]\nlisten = 8953\n[proxy]\nlisten = 8988\n[env]\nA = "${routes.a.localhost.address}"\n';
  const { plan } = await load(`[routes]\n"a.localhost" = "svc/a:80"\n[tcp]\n5432 = "svc/db:5432"\n[udp]\n5353 = "svc/dns:53"\n${env}`);
  expect(new Set(plan.listeners.map(({ kind }) => kind))).toEqual(new Set(["names", "port", "route", "dns", "proxy"]));
  const doors = doorsOf(
    { dialer: { dial: () => Promise.reject(new Error()) }, counters: new CounterTable(), retryOf: usualRetry, ...common },
    noNames,
  );
  expect(plan.listeners.map(({ door }) => door).filter((door) => !Object.hasOwn(doors, door))).toEqual([]);
});
