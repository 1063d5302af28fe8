/** Tests what becomes of addresses that another program came first at, between their choice and the listening. */

import { expect, test } from "bun:test";
import { Forwards } from "#daemon/plans/forwards.ts";
import { AddressKeeper } from "#host/address-keeper.ts";
import { pickService } from "#kube/objects/objects.ts";
import { FakeCluster } from "#test/support/fake-cluster.ts";
import { ManualClock, settle } from "#test/support/manual-clock.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { planOf } from "./plans.ts";

type ServicePorts = Readonly<Record<string, readonly number[]>>;

/** What the hub tries to listen at, time after time, while others listen at `others` as it notices only then. */
async function listenedAt(profile: string, others: readonly string[], wildcardPort: number, services: ServicePorts): Promise<string[][]> {
  await using folder = await tempDir();
  const [clock, cluster] = [new ManualClock(), new FakeCluster()];
  const tried: string[][] = [];
  const addressesOf = (sockets: readonly string[]): string[] => sockets.map((socket) => socket.slice(0, socket.indexOf(":")));
  const addresses = await AddressKeeper.open({
    path: `${folder.path}/addresses.json`,
    clock,
    listeners: () => new Set(tried.length === 0 ? [] : addressesOf(others)),
    own: () => undefined,
    onUnwritable() {},
  });
  const isTaken = (socket: string): boolean => others.includes(socket) || socket.endsWith(`:${wildcardPort}`);
  const forwards: Forwards = new Forwards({
    prepare: () => Promise.resolve(),
    clusterFor: () => cluster,
    addresses,
    firstFreePort: () => 0,
    sockets: () => new Set(others),
    clock,
    report() {},
    onGone() {},
    onChange() {
      tried.push(forwards.ports().flatMap(({ port }) => port.listen.map(({ host, port: number }) => `${host}:${number}`)));
      forwards.leaveTaken(isTaken);
    },
  });
  const plan = await planOf("/p/tunnels.toml", `[[forward]]\nnamespaces = ["shop"]\n${profile}`);
  forwards.apply([{ plan, environment: {}, pinned: true, leases: new Set(), problem: undefined, warnings: [], settings: [] }]);
  void forwards.settle();
  await settle();
  const items = Object.entries(services).map(([name, ports]) =>
    pickService({ metadata: { name }, spec: { ports: ports.map((port) => ({ name: `p${port}`, port })) } }),
  );
  for (const each of cluster.collections) if (each.kind === "services") each.listener.onItems(items);
  await clock.advance(1_000);
  forwards.release();
  // What it still writes would make the folder anew once that is gone.
  await addresses.close();
  return tried;
}

test("a service whose port another hub listens at by now has another address, with all of its ports", async () => {
  const tried = await listenedAt("", ["127.1.27.1:443"], 0, { api: [80, 443], web: [80] });
  expect(tried).toEqual([
    ["127.1.27.1:80", "127.1.27.1:443", "127.1.27.2:80"],
    ["127.1.27.3:80", "127.1.27.3:443", "127.1.27.2:80"],
  ]);
});

test("it moves again where another program is there as well", async () => {
  const tried = await listenedAt("", ["127.1.27.1:80", "127.1.27.2:80", "127.1.27.4:80"], 0, { api: [80], web: [80] });
  expect(tried.at(-1)).toEqual(["127.1.27.3:80", "127.1.27.5:80"]);
});

test("a reserved address is kept, and so is one whose port is taken at every address: that port alone fails", async () => {
  const reserve = '[addresses]\nreserve = { "shop/svc/api" = "127.9.9.9" }\n';
  const tried = await listenedAt(reserve, ["127.9.9.9:80"], 8080, { api: [80], web: [8080] });
  expect(tried.at(-1)).toEqual(["127.9.9.9:80", "127.1.27.1:8080"]);
  expect(tried.length).toBeLessThan(4);
});
