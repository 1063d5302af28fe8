/** The WireGuard that is in the built binary: its link, peers that come and go, and what an edge remembers of them. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, readlinkSync, statSync } from "node:fs";
import { type Subprocess, spawn } from "bun";
import { systemClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { ownCluster, run } from "#test/support/cluster.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { eventually } from "#test/support/wait.ts";
import { EdgeTunnel } from "#wireguard/edge-tunnel.ts";
import { makeWireGuardKeys } from "#wireguard/keys.ts";
import { socketOf, UapiSocket } from "#wireguard/uapi-socket.ts";
import { type WantedPeer, WireGuardLink } from "#wireguard/wireguard-link.ts";

/** It makes links and namespaces of this machine. */
const cases = describe.skipIf(!ownCluster);
const kt = new URL("../../dist/kt", import.meta.url).pathname;
const ticker = new URL("../support/link-tick.ts", import.meta.url).pathname;
const quiet = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const;

/** A machine of its own, as far as its network goes. */
class Machine {
  readonly #holder = spawn(["unshare", "--net", "sleep", "infinity"], quiet);
  readonly link: string;
  readonly #started: Subprocess[] = [];
  #wireGuard = 0;

  constructor(link: string) {
    this.link = link;
  }

  get pid(): number {
    return this.#holder.pid;
  }

  get peers(): WireGuardLink {
    return new WireGuardLink(new UapiSocket(socketOf(this.link)));
  }

  async ready(): Promise<void> {
    await eventually("a network namespace", () => readlinkSync(`/proc/${this.pid}/ns/net`) !== readlinkSync("/proc/self/ns/net"));
  }

  inside(...command: string[]): string[] {
    return ["nsenter", `--net=/proc/${this.pid}/ns/net`, ...command];
  }

  async must(...command: string[]): Promise<string> {
    const ran = await run(this.inside(...command));
    if (ran.exitCode !== 0) throw new Error(`${command.join(" ")}: ${ran.stdout}${ran.stderr}`);
    return ran.stdout;
  }

  /** The command ends once the link is up; what it started is known by its number alone. */
  async startWireGuard(address: string, mtu = 1420): Promise<void> {
    const logged = spawn(this.inside(kt, "edge", "wireguard", "--link", this.link, "--address", address, "--mtu", String(mtu)), {
      stdin: "ignore",
      stdout: "inherit",
      stderr: "pipe",
    });
    const reader = logged.stderr.getReader();
    const { value } = await reader.read();
    const text = new TextDecoder().decode(value);
    expect(await logged.exited).toBe(0);
    this.#wireGuard = Number(/pid=(\d+)/.exec(text)?.[1]);
    expect(this.#wireGuard).toBeGreaterThan(1);
  }

  get memoryKb(): number {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.#wireGuard}/status`, "utf8"))?.[1]);
  }

  /** As by a power cut: nothing is said to its peers. */
  async killWireGuard(): Promise<void> {
    if (this.#wireGuard > 1) process.kill(this.#wireGuard, "SIGKILL");
    this.#wireGuard = 0;
    await eventually("the end of its link", async () => (await run(this.inside("ip", "link", "show", this.link))).exitCode !== 0);
  }

  async start(...args: string[]) {
    const started = spawn(this.inside(process.execPath, ticker, ...args), { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    this.#started.push(started);
    const lines = started.stdout.pipeThrough(new TextDecoderStream()).getReader();
    return { input: started.stdin, next: async () => (await lines.read()).value ?? "" };
  }

  async remove(): Promise<void> {
    if (this.#wireGuard > 1) process.kill(this.#wireGuard);
    for (const each of [...this.#started, this.#holder]) {
      each.kill();
      await each.exited;
    }
  }
}

const [edge, uplink] = ownCluster ? [new Machine("kt-t-edge"), new Machine("kt-t-up")] : [];
const [edgeKeys, uplinkKeys] = [makeWireGuardKeys(), makeWireGuardKeys()];
const edgePeer: WantedPeer = { publicKey: edgeKeys.publicKey, allowedIps: ["10.201.0.1/32"], keepaliveS: 25, endpoint: "192.0.2.1:51821" };
const uplinkPeer: WantedPeer = { publicKey: uplinkKeys.publicKey, allowedIps: ["10.201.0.2/32"], keepaliveS: 0 };
const dummies = Array.from({ length: 50 }, (_, index): WantedPeer => {
  const endpoint = index % 2 === 0 ? `192.0.2.${index + 10}:51821` : undefined;
  return {
    publicKey: makeWireGuardKeys().publicKey,
    allowedIps: [`10.201.0.${index + 10}/32`],
    keepaliveS: endpoint === undefined ? 0 : 25,
    endpoint,
  };
});

beforeAll(async () => {
  if (!edge || !uplink) return;
  await Promise.all([edge.ready(), uplink.ready()]);
  await edge.must("ip", "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", String(uplink.pid));
  for (const [machine, address] of [
    [edge, "192.0.2.1/24"],
    [uplink, "192.0.2.2/24"],
  ] as const) {
    await machine.must("ip", "addr", "add", address, "dev", "wire");
    await machine.must("ip", "link", "set", "wire", "up");
  }
  await Promise.all([edge.startWireGuard("10.201.0.1/24"), uplink.startWireGuard("10.201.0.2/24", 1380)]);
  await edge.peers.set({ privateKey: edgeKeys.privateKey, listenPort: 51821, peers: [uplinkPeer] });
  await uplink.peers.set({ privateKey: uplinkKeys.privateKey, listenPort: 0, peers: [edgePeer] });
});

afterAll(async () => {
  await Promise.all([edge?.remove(), uplink?.remove()]);
});

cases("the WireGuard of the built binary", () => {
  if (!edge || !uplink) return;

  test("has the address and MTU that it was given, and a socket for its own user", async () => {
    expect(await edge.must("ip", "-o", "addr", "show", edge.link)).toContain("inet 10.201.0.1/24 ");
    expect(await edge.must("ip", "-o", "link", "show", edge.link)).toContain("UP,LOWER_UP> mtu 1420 ");
    expect(await uplink.must("ip", "-o", "link", "show", uplink.link)).toContain("UP,LOWER_UP> mtu 1380 ");
    expect(statSync(socketOf(edge.link)).mode & 0o777).toBe(0o700);
  });

  test("carries UDP and TCP, and loses nothing while 50 other peers come and go", async () => {
    expect(await (await uplink.start("echo", "10.201.0.2")).next()).toBe("listening\n");
    const tick = await edge.start("tick", "10.201.0.2");
    expect(await tick.next()).toBe("first\n");
    const { privateKey } = edgeKeys;
    for (let wanted = 1; wanted <= dummies.length; wanted++) {
      expect(await edge.peers.set({ privateKey, listenPort: 51821, peers: [uplinkPeer, ...dummies.slice(0, wanted)] })).toBe(true);
    }
    expect((await edge.peers.peers()).length).toBe(51);
    expect(await edge.peers.set({ privateKey, listenPort: 51821, peers: [...dummies, uplinkPeer] })).toBe(false);
    for (let left = dummies.length - 1; left >= 0; left--) {
      await edge.peers.set({ privateKey, listenPort: 51821, peers: [...dummies.slice(0, left), uplinkPeer] });
    }
    expect(await edge.must("bash", "-c", "exec 3<>/dev/tcp/10.201.0.2/7; printf hello >&3; cat <&3")).toBe("5");
    tick.input.write("stop");
    await tick.input.end();
    const { sent, lost } = JSON.parse(await tick.next());
    expect({ lost }).toEqual({ lost: 0 });
    expect(sent).toBeGreaterThan(10);
    expect((await edge.peers.peers()).map(({ publicKey }) => publicKey)).toEqual([uplinkKeys.publicKey]);
  }, 60_000);

  test("an edge that was started anew calls its uplinks where they were, and answers come at once", async () => {
    await using folder = await tempDir();
    const options = { socketPath: socketOf(edge.link), stateFolder: folder.path, clock: systemClock, log: silentLog };
    const former = await EdgeTunnel.open(options);
    const { publicKey } = former;
    await uplink.peers.set({ privateKey: uplinkKeys.privateKey, listenPort: 0, peers: [{ ...edgePeer, publicKey }] });
    const plan = { tunnelPort: 51821, uplinks: [{ ordinal: 0, publicKey: uplinkKeys.publicKey, address: "10.201.0.2" }] };
    await former.follow(plan);
    await eventually("a handshake", async () => {
      await former.follow(plan);
      return former.lastHandshake(0) !== "";
    });
    const remembered = JSON.parse(readFileSync(`${folder.path}/endpoints.json`, "utf8"));
    expect(remembered[uplinkKeys.publicKey]).toMatch(/^192\.0\.2\.2:\d+$/);
    former.close();
    // The uplink says nothing by itself: only a call of the edge reaches it.
    await uplink.peers.set({ privateKey: uplinkKeys.privateKey, listenPort: 0, peers: [{ ...edgePeer, publicKey, keepaliveS: 0 }] });
    await edge.killWireGuard();
    await edge.startWireGuard("10.201.0.1/24");
    const startedAt = performance.now();
    const next = await EdgeTunnel.open(options);
    expect(next.publicKey).toBe(publicKey);
    await next.follow(plan);
    const tick = await edge.start("tick", "10.201.0.2");
    expect(await tick.next()).toBe("first\n");
    expect(performance.now() - startedAt).toBeLessThan(3000);
    expect(statSync(`${folder.path}/wireguard.key`).mode & 0o777).toBe(0o600);
    expect(edge.memoryKb).toBeLessThan(40_000);
    next.close();
  }, 60_000);

  test("says why it cannot start", async () => {
    const ran = await run(edge.inside(kt, "edge", "wireguard", "--link", edge.link, "--address", "10.201.0.1/24"));
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toContain("there is an interface kt-t-edge already");
  });
});
