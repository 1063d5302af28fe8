/** Measures an edge alone beside Envoy, in turns, over loopback: neither has a tunnel under it, and one program stands for the uplink and for the target of both. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { spawn } from "bun";
import { certificateFile } from "#operator/host/wanted/wanted-host.ts";
import { run } from "#test/support/cluster.ts";
import { loopbackDocument } from "#test/support/edge-document.ts";
import { binary } from "#test/support/kt.ts";
import { freePorts, residentBytes } from "#test/support/process.ts";
import { eventually } from "#test/support/wait.ts";
import { type Certificate, type EdgeProxy, type PublicPorts, startEnvoy } from "./envoy.ts";
import { cpuSeconds, flawless, load, loadBinary } from "./measure.ts";
import { Results, type TablePlan, table } from "./report.ts";
import type { Figures, Row } from "./rows.ts";

const edgeRows: readonly Row[] = [
  { name: "one flow down", unit: "MB/s", better: "higher", ratio: 1 },
  { name: "one flow up", unit: "MB/s", better: "higher", ratio: 1 },
  { name: "CPU per GB down", unit: "s", better: "lower", ratio: 1 },
  { name: "TLS ended, one flow down", unit: "MB/s", better: "higher", ratio: 1.1 },
  { name: "TLS handshakes, 16 at a time", unit: "/s", better: "higher", ratio: 1.2 },
  { name: "UDP round trips, 1,200 B, 50 flows", unit: "/s", better: "higher", ratio: 1 },
  { name: "first byte of a new connection, p50", unit: "ms", better: "lower" },
  { name: "resident memory, idle", unit: "MB", better: "lower", limit: 50 },
  { name: "resident memory, 4,000 connections", unit: "MB", better: "lower", limit: 70 },
];
const plan: TablePlan = { rows: edgeRows, contestants: ["kt", "Envoy"], rivals: ["Envoy"] };

const flowBytes = 1024 * 1024 * 1024;
const uplink = "127.77.0.2";
const key = "00000000000000aa";
/** Where `bench-load target` stands for an uplink, and one above for the target itself. */
const uplinkPort = 40_501;

async function certificateIn(folder: string): Promise<Certificate> {
  const [chain, keyFile] = [`${folder}/tls.crt`, `${folder}/tls.key`];
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=edge.test"];
  const made = await run(["openssl", "req", ...kind, "-keyout", keyFile, "-out", chain]);
  if (made.exitCode !== 0) throw new Error(made.stderr);
  return { chain, key: keyFile, both: readFileSync(chain, "utf8") + readFileSync(keyFile, "utf8") };
}

function startKt(folder: string, certificate: Certificate, ports: PublicPorts): EdgeProxy {
  const { name: file, bytes } = certificateFile(certificate.both);
  for (const name of ["certs", "state"]) mkdirSync(`${folder}/${name}`);
  writeFileSync(`${folder}/certs/${file}`, bytes, { mode: 0o600 });
  const tcp = { protocol: "TCP", target: key, connectTimeoutMs: 5000, idleTimeoutMs: 3_600_000, proxyHeader: 0 } as const;
  const tls = { mode: "offload", serverNames: [], alpn: ["http/1.1", "h2"], certificate: file } as const;
  const document = loopbackDocument({
    uplinks: [{ ordinal: 0, address: uplink, publicKey: "" }],
    bindings: [
      { ...tcp, id: "a/b/plain", hash: "1", listenPort: ports.plain },
      { ...tcp, id: "a/b/tls", hash: "2", listenPort: ports.tls, tls: { ...tls, serverNames: [], alpn: [...tls.alpn] } },
      { id: "a/b/udp", hash: "3", protocol: "UDP", target: key, listenPort: ports.udp, sessionTimeoutMs: 60_000, proxyHeader: 0 },
    ],
  });
  writeFileSync(`${folder}/plan.json`, JSON.stringify(document));
  const command = [binary, "edge", "run", "-q", "--plan", `${folder}/plan.json`, "--state", `${folder}/state`];
  return { child: spawn(command, { stdout: "ignore", stderr: "inherit" }), ports };
}

const at = (port: number): string => `127.0.0.1:${port}`;

async function leads({ ports }: EdgeProxy): Promise<void> {
  const once = async (): Promise<boolean> => (await load("tcpconn", ports.plain, "", 1)).ok === 1;
  await eventually("a proxy to lead to its target", once, 20_000);
}

async function measure({ child: { pid }, ports }: EdgeProxy): Promise<Figures> {
  const before = cpuSeconds(pid);
  const down = await flawless("down", ports.plain, "edge.test", flowBytes);
  const cpu = cpuSeconds(pid) - before;
  const up = await flawless("up", ports.plain, "edge.test", flowBytes);
  const tlsDown = await flawless("tlsdown", ports.tls, "edge.test", flowBytes / 2);
  const shakes = await flawless("handshake", ports.tls, "edge.test", 2000, 16);
  const datagrams = await load("datagrams", at(ports.udp), "", 60_000, 50);
  const fresh = await flawless("tcpconn", ports.plain, "", 2000);
  return {
    "one flow down": down.mbPerSecond,
    "one flow up": up.mbPerSecond,
    "CPU per GB down": cpu / (flowBytes / 1e9),
    "TLS ended, one flow down": tlsDown.mbPerSecond,
    "TLS handshakes, 16 at a time": shakes.perSecond,
    "UDP round trips, 1,200 B, 50 flows": datagrams.perSecond,
    "first byte of a new connection, p50": fresh.p50Ms,
  };
}

/** Of a proxy that has served nothing before. */
async function measureMemory({ child: { pid }, ports }: EdgeProxy): Promise<Figures> {
  const idle = residentBytes(pid) / 1e6;
  const holder = spawn([loadBinary, "hold", at(ports.plain), "-n", "4000"], { stdout: "pipe", stdin: "ignore" });
  for await (const _ of holder.stdout) break;
  const held = residentBytes(pid) / 1e6;
  holder.kill();
  await holder.exited;
  return { "resident memory, idle": idle, "resident memory, 4,000 connections": held };
}

async function measureRound(results: Results): Promise<void> {
  const folder = mkdtempSync(`${tmpdir()}/kt-bench-edge-`);
  const certificate = await certificateIn(folder);
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = freePorts(6);
  const target = spawn([loadBinary, "target", `${uplink}:${uplinkPort}`, "-host", key], { stdout: "ignore" });
  const proxies = {
    kt: startKt(folder, certificate, { plain: a, tls: b, udp: c }),
    Envoy: await startEnvoy(folder, certificate, { plain: d, tls: e, udp: f }, { host: uplink, port: uplinkPort + 1 }),
  };
  try {
    for (const [name, proxy] of Object.entries(proxies)) {
      await leads(proxy);
      results.add(name, await measureMemory(proxy));
      results.add(name, await measure(proxy));
    }
  } finally {
    const children = [target, ...Object.values(proxies).map(({ child }) => child)];
    for (const child of children) child.kill();
    await Promise.all(children.map(({ exited }) => exited));
    rmSync(folder, { recursive: true });
  }
}

/** All of it as a table. */
export async function measureEdge(rounds: number): Promise<string> {
  const results = new Results();
  for (let round = 1; round <= rounds; round++) {
    console.log(`round ${round} of ${rounds}: an edge and Envoy`);
    await measureRound(results);
  }
  return table(results, plan);
}
