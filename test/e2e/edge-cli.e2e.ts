/** What people see of a public edge: kt edge status, logs and doctor of a real EdgeNode, with a taken port and a dead host beside it. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { apply, kubectl, ownCluster, rolledOut } from "#test/support/cluster.ts";
import { edgeNode, type Manifest, portBinding } from "#test/support/edge-manifests.ts";
import { EdgeStand } from "#test/support/edge-stand.ts";
import { eventually } from "#test/support/wait.ts";

/** It changes this machine's links and routes, and the kinds are the whole cluster's. */
const cases = describe.skipIf(!ownCluster);
const operator = `kt-e2e-cli-${process.pid}`;

let stand: EdgeStand;

interface Made {
  readonly items: readonly {
    readonly spec?: { readonly template?: { readonly spec: { readonly containers: { readonly args: string[] }[] } } };
  }[];
}

/** In the cluster, where its log can be read; other tests have EdgeNodes too. */
async function deploy(): Promise<void> {
  const words = ["--json", "-n", stand.namespace, "--name", operator, "--image", stand.image];
  const { items } = JSON.parse(await stand.home.ok("edge", "manifests", ...words)) as Made;
  for (const { spec } of items) spec?.template?.spec.containers[0]?.args.push("--watch-namespace", stand.namespace);
  await apply(...(items as object[]));
  await rolledOut(stand.namespace, operator);
}

function dead(spec: object): Manifest {
  const { metadata, ...rest } = edgeNode("dead", spec);
  return { ...rest, metadata: { ...metadata, labels: { dead: "yes" } } };
}

const target = (port: number): object => ({ address: "10.96.0.10", port });

beforeAll(async () => {
  if (!ownCluster) return;
  stand = await EdgeStand.start("ktcli", 8);
  await stand.vps.sh(
    "systemd-run -q --unit=squatter systemd-socket-activate -l 8443 /bin/cat; until ss -Hltn 'sport = :8443' | grep -q .; do :; done",
  );
  await apply({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace: stand.namespace, name: "dead-ssh" },
    stringData: { password: "x" },
  });
  await deploy();
  await stand.applyNode();
  await stand.applyAll(
    dead({
      address: "127.0.0.1",
      ssh: { port: 9, secretRef: { name: "dead-ssh" }, insecureSkipHostKeyVerification: true },
      uplink: { namespace: stand.namespace },
    }),
    portBinding(
      "web",
      [
        { name: "dns", protocol: "TCP", listenPort: 8053, target: target(53) },
        { name: "taken", protocol: "TCP", listenPort: 8443, target: target(53) },
      ],
      { name: "edge-node" },
    ),
  );
  await stand.ready("edgenode", "edge-node");
}, 240_000);

afterAll(async () => {
  if (!ownCluster) return;
  // Its host is not there to be left as it was.
  await kubectl("-n", stand.namespace, "annotate", "edgenode", "-l", "dead=yes", "tunnel.achetronic.com/skip-deprovision=true");
  await kubectl("-n", stand.namespace, "delete", "edgenode", "-l", "dead=yes", "--timeout=60s");
  await stand.remove();
  await kubectl("delete", "clusterrole,clusterrolebinding", operator, "--ignore-not-found");
}, 240_000);

const own = (): string[] => ["-n", stand.namespace];

cases("what people see of a public edge", () => {
  test("status has each state, why, and what to do next", async () => {
    const text = await eventually(
      "the states to be known",
      async () => {
        const { exitCode, stdout } = await stand.home.run(["edge", "status", ...own()]);
        expect(stdout).toContain("SSHConnectionFailed");
        expect(stdout).toContain("ListenFailed");
        expect(exitCode).toBe(1);
        return stdout;
      },
      60_000,
    );
    expect(text).toMatch(/● ready +host +[\d.]+ +wireguard on 51821\/UDP/);
    expect(text).toMatch(/● up +uplink 0 +10\.200\.0\.2 +handshake \d+ (s|min) ago/);
    expect(text).toMatch(/● ready +8053\/TCP +10\.96\.0\.10:53 +web\/dns/);
    expect(text).toMatch(/✗ failed +8443\/TCP/);
    expect(text).toContain('"systemd-socket-" has it');
    expect(text).toContain(`kt edge doctor edge-node -n ${stand.namespace}`);
    expect(text).toContain(`kt edge doctor dead -n ${stand.namespace}`);
    const json = JSON.parse((await stand.home.run(["edge", "status", "dead", "--json", ...own()])).stdout) as {
      ok: boolean;
      nodes: { state: string }[];
    };
    expect([json.ok, json.nodes.map(({ state }) => state)]).toEqual([false, ["failed"]]);
  }, 90_000);

  test("doctor takes the host from the cluster, and names who has a port", async () => {
    const { exitCode, stdout } = await stand.home.run(["edge", "doctor", "edge-node", ...own()]);
    expect(stdout).toContain('TCP 8443, for the binding "taken", is held by "systemd-socket-"');
    expect(stdout).toMatch(/✓ mtu +\S+, which leads to the internet, takes packets of 1500 bytes, and the tunnel's have 1480 at most/);
    expect(stdout).toContain("1 broken");
    expect(exitCode).toBe(1);
    const dead = await stand.home.run(["edge", "doctor", "dead", ...own()]);
    expect(dead.stdout).toContain("127.0.0.1:9 cannot be reached over SSH");
    expect(dead.exitCode).toBe(1);
    const unknown = await stand.home.run(["edge", "doctor", "deed", ...own()]);
    expect(unknown.stderr).toContain(`there is no EdgeNode "deed" in namespace "${stand.namespace}"`);
    expect(unknown.exitCode).toBe(2);
  }, 60_000);

  test("logs have the operator's lines about it, its uplinks and its host, and no others", async () => {
    const { exitCode, stdout } = await stand.home.run(["edge", "logs", "edge-node", "--json", ...own()]);
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { source: string; text: string });
    const of = (source: string): string[] => lines.flatMap((line) => (line.source === source ? [line.text] : []));
    expect(of("operator").join("\n")).toContain("reason=Provisioned");
    expect(of("operator").join("\n")).not.toContain(`${stand.namespace}/dead`);
    expect(of("uplink-0").length).toBeGreaterThan(0);
    expect(of("edge").join("\n")).toContain("systemd[1]: Started");
    expect(exitCode).toBe(0);
    const dead = await stand.home.run(["edge", "logs", "dead", ...own()]);
    expect(dead.stdout).toContain("SSHConnectionFailed");
    expect(dead.stderr).toContain("127.0.0.1:9 cannot be reached over SSH");
    expect(dead.exitCode).toBe(1);
  }, 60_000);

  test("logs -f go on with what comes, show hostile words harmless, and leave nothing on the host", async () => {
    const following = stand.home.start(["edge", "logs", "edge-node", "-f", ...own()]);
    await eventually("the journal to be followed", () => following.output.includes(" edge systemd"), 30_000);
    await stand.vps.sh(
      `pid=$(systemctl show -p MainPID --value 'kt-edge@*' | grep . | head -n 1)
      printf 'MESSAGE=hostile \\033[2Jwords\\nOBJECT_PID=%s\\n' "$pid" | logger --journald`,
    );
    await eventually("the hostile line", () => following.output.includes("hostile \\x1b[2Jwords"), 30_000);
    expect(following.output).not.toContain("\u001b[2J");
    following.kill("SIGINT");
    expect(await following.exited).toBe(130);
    await eventually("journalctl to be gone", async () => (await stand.vps.sh("pgrep -c journalctl || true")).trim() === "0", 20_000);
  }, 90_000);

  test("status says that no operator writes it any more", async () => {
    await kubectl(...own(), "scale", `deployment/${operator}`, "--replicas=0");
    await eventually(
      "the lease to be given back",
      async () => (await stand.home.run(["edge", "status", ...own()])).stderr.includes("no operator has renewed its lease for"),
      90_000,
      1000,
    );
    await kubectl(...own(), "scale", `deployment/${operator}`, "--replicas=1");
    await rolledOut(stand.namespace, operator);
  }, 150_000);
});
