/** What changes of a public edge cut: nothing. Tickers on the internet go on through edits, scales, restarts and reboots, and what was lost comes back. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { kubectl, ownCluster } from "#test/support/cluster.ts";
import { binding, type Manifest, portBinding } from "#test/support/edge-manifests.ts";
import { EdgeStand } from "#test/support/edge-stand.ts";
import { eventually } from "#test/support/wait.ts";
import { expectUncut, handOver, rebootAlone, talks, type Ticked, ticksDuring, toThreeUplinksAndBack } from "#test/support/edge-ticks.ts";
import { Echo } from "#test/support/ticks.ts";

/** It changes this machine's links and routes, and the kinds are the whole cluster's. */
const cases = describe.skipIf(!ownCluster);

/** This machine as its pods see it. */
const here = "10.244.0.1";
const publicPort = 7000;

let stand: EdgeStand;
let echo: Echo;

beforeAll(async () => {
  if (!ownCluster) return;
  echo = await Echo.start({ host: "0.0.0.0" });
  stand = await EdgeStand.start("ktchg", 10);
  stand.startOperator();
  await stand.applyNode(node(1));
  await stand.applyAll(ticked());
  await stand.ready("portbinding", "ticked", 120_000);
}, 180_000);

afterAll(async () => {
  if (!ownCluster) return;
  await stand?.remove();
  await echo?.stop();
}, 180_000);

const node = (replicas: number): object => ({ edge: { healthCheck: { interval: "1s", timeout: "1s" } }, uplink: { replicas } });
const target = (): object => ({ address: here, port: echo.port });

/** The ports that tick. */
const tcp = (change: object = {}): object => binding({ name: "tcp", listenPort: publicPort, target: target(), ...change });
const udp = (change: object = {}): object => binding({ name: "udp", protocol: "UDP", listenPort: publicPort, target: target(), ...change });
const ticked = (): Manifest => portBinding("ticked", [tcp(), udp()]);

const during = async (run: () => Promise<void>): Promise<Ticked> => await ticksDuring(stand, echo, publicPort, run);

cases("what is open", () => {
  test("goes on through 50 additions, edits and removals of other bindings", async () => {
    const ticks = await during(async () => {
      for (let nth = 0; nth < 50; nth++) {
        const ports = [7100 + (nth % 7), 7200 + (nth % 3)];
        const others = ports.map((listenPort, at) =>
          binding({ name: `b${at}`, listenPort, target: target(), tcp: { idleTimeout: `${1 + (nth % 5)}h` } }),
        );
        await stand.applyAll(portBinding("others", nth % 4 === 3 ? [] : others));
      }
      await stand.ready("portbinding", "others");
    });
    expectUncut(ticks);
  }, 120_000);

  test("goes on through edits of its own binding, and its removal", async () => {
    const ticks = await during(async () => {
      await stand.applyAll(portBinding("ticked", [tcp({ tcp: { idleTimeout: "30m" } }), udp({ udp: { sessionTimeout: "30s" } })]));
      await stand.ready("portbinding", "ticked");
      await stand.applyAll(portBinding("ticked", []));
      await eventually("the port to refuse new connections", async () => !(await talks(stand, publicPort)), 20_000, 200);
    });
    expectUncut(ticks);
    await stand.applyAll(ticked());
    await stand.ready("portbinding", "ticked");
  }, 120_000);

  test("goes on while the operator is killed, and another one begins", async () => {
    const ticks = await during(async () => {
      stand.operator.kill("SIGKILL");
      await stand.operator.exited;
      stand.startOperator();
      await stand.applyAll(portBinding("later", [binding({ listenPort: 7300, target: target() })]));
      await stand.ready("portbinding", "later");
    });
    expectUncut(ticks);
  }, 120_000);

  test("goes on while the edge hands over to another instance", async () => {
    const ticks = await during(() => handOver(stand, publicPort));
    expectUncut(ticks, 5);
  }, 120_000);

  test("goes on while there are three uplinks, and one again", async () => {
    const ticks = await during(() => toThreeUplinksAndBack(stand, node));
    expectUncut(ticks);
  }, 240_000);
});

cases("what is lost", () => {
  test("one of three uplinks, is served by the others, on a port never used before too", async () => {
    await stand.applyNode(node(3));
    await stand.ready("edgenode", "edge-node", 90_000);
    await stand.applyAll(portBinding("fresh", [binding({ name: "fresh", listenPort: 7400, target: target() })]));
    await stand.ready("portbinding", "fresh");
    await kubectl("-n", stand.namespace, "delete", "pod", "edge-node-uplink-1", "--grace-period=0", "--force");
    // Interval × threshold + timeout: 3 s.
    await eventually(
      "four connections in a row",
      async () => (await Promise.all([1, 2, 3, 4].map(() => talks(stand, 7400)))).every(Boolean),
      3000,
    );
    await stand.ready("edgenode", "edge-node", 90_000);
  }, 240_000);

  test("on the host by hand, is put right, with an event", async () => {
    await stand.vps.sh("rm /etc/kt/edge/plan.json /etc/sysctl.d/99-tunnel.conf; systemctl stop kt-wireguard");
    await eventually(
      "it to be repaired",
      () =>
        stand.vps
          .sh("test -s /etc/kt/edge/plan.json && test -s /etc/sysctl.d/99-tunnel.conf && systemctl -q is-active kt-wireguard")
          .then(() => true),
      60_000,
      500,
    );
    await eventually("the event of it", async () => (await stand.events()).some(({ reason }) => reason === "DriftRepaired"), 10_000, 200);
    await eventually("the port to be served", () => talks(stand, publicPort), 20_000, 200);
  }, 120_000);

  test.each([
    ["configmap", `{"data":{"uplink.json":"{}"}}`],
    ["statefulset", `{"spec":{"replicas":0}}`],
    ["service", undefined],
  ])(
    "in the cluster by hand, as the %s of the uplinks, is put right at once",
    async (kind, edit) => {
      const shown = async (path: string): Promise<string> =>
        await kubectl("-n", stand.namespace, "get", kind, "edge-node-uplink", "--ignore-not-found", "-o", `jsonpath=${path}`);
      const before = await shown("{.metadata.uid}");
      await kubectl("-n", stand.namespace, "delete", kind, "edge-node-uplink", "--cascade=orphan");
      await eventually("it to be there again", async () => ![before, ""].includes(await shown("{.metadata.uid}")), 10_000, 100);
      const wanted = await shown("{.data}{.spec}");
      if (edit !== undefined) {
        await kubectl("-n", stand.namespace, "patch", kind, "edge-node-uplink", "--type=merge", "-p", edit);
        await eventually("it to be as it was", async () => (await shown("{.data}{.spec}")) === wanted, 10_000, 100);
      }
      await stand.ready("edgenode", "edge-node", 90_000);
      await eventually("the port to be served", () => talks(stand, publicPort), 20_000, 200);
    },
    120_000,
  );

  test.each([
    ["reboot", []],
    ["pulled plug", ["--hard"]],
  ] as const)(
    "by a %s with the operator stopped, is served within 5 s of SSH",
    async (_, options) => {
      await rebootAlone(stand, publicPort, ...options);
    },
    180_000,
  );
});

cases("root on the host", () => {
  test("reaches the exposed targets, and nothing else of the cluster", async () => {
    const api = (await kubectl("get", "svc", "kubernetes", "-o", "jsonpath={.spec.clusterIP}")).trim();
    const tried = await stand.vps.sh(
      `ip route add "$1" dev kt-edge; ip route add "$2" dev kt-edge
      for place in "$1/443" "$2/6443" "$2/10250" 10.200.0.2/10250 10.200.0.2/6443; do
        if timeout 2 bash -c "exec 3<>/dev/tcp/$place" 2>/dev/null; then echo "reached $place"; fi
      done
      ip route del "$1" dev kt-edge; ip route del "$2" dev kt-edge`,
      api,
      here,
    );
    expect(tried).toBe("");
    expect(await stand.vps.intruders()).toBe(0);
    // The way itself is there.
    expect(await talks(stand, publicPort)).toBe(true);
  }, 60_000);
});

cases("deleted", () => {
  test("it leaves the host as it was", async () => {
    await kubectl("-n", stand.namespace, "delete", "portbinding", "--all", "--timeout=30s");
    await kubectl("-n", stand.namespace, "delete", "edgenode", "edge-node", "--timeout=60s");
    const left = await stand.vps.sh(
      `ls -d /usr/local/lib/kt /etc/kt /etc/systemd/system/kt-* /etc/sysctl.d/99-tunnel.conf /var/lib/kt-edge 2>/dev/null || true
      systemctl list-units --plain --no-legend 'kt-*'; ip -o link show kt-edge 2>/dev/null || true`,
    );
    expect(left).toBe("");
    const objects = await kubectl("-n", stand.namespace, "get", "statefulset,service,configmap,secret", "-o", "name");
    expect(objects).not.toContain("edge-node-uplink");
  }, 120_000);
});
