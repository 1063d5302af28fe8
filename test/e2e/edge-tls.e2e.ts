/** A public edge by the transport tls: its uplinks run where pods may do nothing special, dial out, and cut nothing when anything changes. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { kubectl, namespace, ownCluster } from "#test/support/cluster.ts";
import { binding, type Manifest, portBinding } from "#test/support/edge-manifests.ts";
import { EdgeStand } from "#test/support/edge-stand.ts";
import { expectUncut, handOver, rebootAlone, talks, type Ticked, ticksDuring, toThreeUplinksAndBack } from "#test/support/edge-ticks.ts";
import { Echo } from "#test/support/ticks.ts";
import { eventually } from "#test/support/wait.ts";

/** It changes this machine's links and routes, and the kinds are the whole cluster's. */
const cases = describe.skipIf(!ownCluster);

/** This machine as its pods see it. */
const here = "10.244.0.1";
const publicPort = 7000;

let stand: EdgeStand;
let echo: Echo;

type Transport = "wireguard" | "tls";

const node = (replicas: number, transport: Transport = "tls"): object => ({
  tunnel: { transport },
  edge: { healthCheck: { interval: "1s", timeout: "1s" } },
  uplink: { replicas },
});
const target = (): object => ({ address: here, port: echo.port });
const ticked = (): Manifest =>
  portBinding("ticked", [
    binding({ name: "tcp", listenPort: publicPort, target: target() }),
    binding({ name: "udp", protocol: "UDP", listenPort: publicPort, target: target() }),
    binding({ name: "http", listenPort: 80, target: { service: { name: "web", namespace, port: 80 } } }),
  ]);
const during = async (run: () => Promise<void>): Promise<Ticked> => await ticksDuring(stand, echo, publicPort, run);

async function pods(): Promise<string[]> {
  return (await kubectl("-n", stand.namespace, "get", "pods", "-o", "name")).trim().split("\n");
}

async function admits(level: "restricted" | "privileged"): Promise<void> {
  await kubectl("label", "namespace", stand.namespace, "--overwrite", `pod-security.kubernetes.io/enforce=${level}`);
}

beforeAll(async () => {
  if (!ownCluster) return;
  echo = await Echo.start({ host: "0.0.0.0" });
  stand = await EdgeStand.start("kttls", 3);
  await admits("restricted");
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

cases("the transport tls", () => {
  test("is up where the restricted standard is enforced, and says so truly", async () => {
    const { status } = await stand.ready("edgenode", "edge-node");
    const states = Object.fromEntries((status?.conditions ?? []).map(({ type, status: is }) => [type, is]));
    expect(states).toMatchObject({ Enrolled: "True", TunnelEstablished: "True", ConfigSynced: "True", Ready: "True" });
    expect(status?.uplink).toMatchObject([{ ordinal: 0, lastHandshake: expect.stringMatching(/^\d{4}-/) }]);
    expect(status?.publicKey).toBe((await stand.vps.sh("cat /var/lib/kt-edge/tls.pin")).trim());
    expect(await stand.vps.sh("ls /etc/systemd/system/kt-wireguard.service /sys/class/net/kt-edge 2>/dev/null || true")).toBe("");
  });

  test("carries 200 MB each way unharmed", async () => {
    const query = "n=200000000&seed=7";
    const script = `curl -sS "http://$1/bytes?${query}" | tee >(sha256sum | cut -d' ' -f1 >&2) | curl -sS -T - -X POST "http://$1/sha256"; curl -sS "http://$1/sha256?${query}"`;
    const { stdout, stderr } = await stand.vps.fromInternet("bash", "-c", script, "bash", stand.vps.address);
    const [up = "", wanted = ""] = stdout.trim().split("\n");
    expect([up, `${stderr.trim()} 200000000`]).toEqual([wanted, wanted]);
  }, 120_000);

  test("cuts nothing while the edge hands over to another instance", async () => {
    const ticks = await during(() => handOver(stand, publicPort));
    expectUncut(ticks, 5);
  }, 120_000);

  test("cuts nothing while there are three uplinks, and one again", async () => {
    const ticks = await during(() => toThreeUplinksAndBack(stand, node));
    expectUncut(ticks);
    await eventually("the others to go", async () => (await pods()).length === 1, 60_000, 200);
  }, 240_000);

  test("is served within 5 s of SSH after a reboot with the operator stopped", async () => {
    await rebootAlone(stand, publicPort);
  }, 180_000);

  test("leaves root on the host no way into the cluster, and nothing came to it that was not asked for", async () => {
    const routes = await stand.vps.sh("ip -o route show | grep -E '10\\.(244|96|200)\\.' || true");
    expect(routes).toBe("");
    const api = (await kubectl("get", "svc", "kubernetes", "-o", "jsonpath={.spec.clusterIP}")).trim();
    const pod = (await kubectl("-n", stand.namespace, "get", "pods", "-o", "jsonpath={.items[0].status.podIP}")).trim();
    const tried = await stand.vps.sh(
      `for place in ${api}/443 ${pod}/40500 ${pod}/40600 ${here}/6443 ${here}/10250 ${here}/${echo.port} 10.200.0.2/40501 10.200.0.2/40500; do
        if timeout 2 bash -c "exec 3<>/dev/tcp/$place" 2>/dev/null; then echo "reached $place"; fi
      done`,
    );
    expect(tried).toBe("");
    expect(await stand.vps.intruders()).toBe(0);
    expect(await talks(stand, publicPort)).toBe(true);
  }, 60_000);

  test("is left for wireguard and taken again, with nothing of the other on the host", async () => {
    await admits("privileged");
    await stand.applyNode(node(1, "wireguard"));
    const byWireguard = await stand.ready("edgenode", "edge-node", 120_000);
    expect((await stand.vps.sh("systemctl is-active kt-wireguard; ls -d /sys/class/net/kt-edge")).trim()).toBe(
      "active\n/sys/class/net/kt-edge",
    );
    await eventually("the port to be served", () => talks(stand, publicPort), 20_000, 200);
    await stand.applyNode(node(1, "tls"));
    const byTls = await stand.ready("edgenode", "edge-node", 120_000);
    await eventually("the port to be served again", () => talks(stand, publicPort), 20_000, 200);
    expect(byTls.status?.publicKey).not.toBe(byWireguard.status?.publicKey ?? "");
    const inPods = await kubectl("-n", stand.namespace, "get", "pods", "-o", "jsonpath={.items[*].spec}");
    expect(inPods).not.toMatch(/NET_ADMIN|\/dev\/net\/tun/);
    const left = "ls /etc/systemd/system/kt-wireguard.service /sys/class/net/kt-edge 2>/dev/null || pgrep wireguard-go || true";
    expect(await stand.vps.sh(left)).toBe("");
  }, 300_000);
});
