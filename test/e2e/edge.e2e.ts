/** The public edge whole, its operator in the cluster: the examples of the README of achetronic/tunnel, unchanged, from the objects to a client on the internet. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { apply, deploy, kubectl, ownCluster, type Ran, run } from "#test/support/cluster.ts";
import { readmeExamples } from "#test/support/edge-manifests.ts";
import { EdgeStand } from "#test/support/edge-stand.ts";

/** It changes this machine's links and routes, and the kinds and namespaces are the whole cluster's. */
const cases = describe.skipIf(!ownCluster);

let stand: EdgeStand;
let folder: string;
/** Those that the examples name, without the usual one. */
const namespaces = ["networking", "tunnel"];

beforeAll(async () => {
  if (!ownCluster) return;
  folder = mkdtempSync(`${tmpdir()}/kt-edge-`);
  await apply(...namespaces.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })));
  // The examples' host has the address of the first of the VPSs.
  stand = await EdgeStand.start("ktedge", 0, "default");
  await stand.deployOperator();
  await Promise.all([deploy("default", "my-web"), deploy("networking", "internal-ingress"), certificates()]);
  const dns = { ports: [{ port: 53, targetPort: 7001, protocol: "UDP" }], selector: { app: "my-web" }, clusterIP: "10.96.0.10" };
  await apply(
    served("default", "my-web", "my-web", 8080, 8080),
    served("networking", "internal-ingress", "internal-ingress", 443, 7000),
    served("default", "grpc-api", "my-web", 50_051, 7000),
    { apiVersion: "v1", kind: "Service", metadata: { namespace: "default", name: "kt-dns" }, spec: dns },
  );
}, 180_000);

afterAll(async () => {
  if (!ownCluster) return;
  await stand?.remove();
  const own = ["svc/my-web", "svc/grpc-api", "svc/kt-dns", "deployment/my-web", "secret/web-tls", "secret/grpc-mtls"];
  await kubectl("-n", "default", "delete", ...own, "--ignore-not-found", "--timeout=60s");
  await kubectl("delete", "namespace", ...namespaces, "--ignore-not-found", "--timeout=60s");
  rmSync(folder, { recursive: true, force: true });
}, 180_000);

function served(namespace: string, name: string, app: string, port: number, targetPort: number): object {
  return { apiVersion: "v1", kind: "Service", metadata: { namespace, name }, spec: { selector: { app }, ports: [{ port, targetPort }] } };
}

/** A CA, a server's certificate and a client's, and the two Secrets of the examples. */
async function certificates(): Promise<void> {
  const script = `cd "$1"
    make() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout "$1.key" -out "$1.crt" "\${@:2}" 2>/dev/null; }
    make ca -subj "/CN=kt test CA"
    make foreign-ca -subj "/CN=foreign CA"
    make web -subj "/CN=web.example.com" -addext subjectAltName=DNS:web.example.com -CA ca.crt -CAkey ca.key
    make client -subj "/CN=client" -CA ca.crt -CAkey ca.key
    make foreign -subj "/CN=foreign" -CA foreign-ca.crt -CAkey foreign-ca.key`;
  const made = await run(["bash", "-euc", script, "bash", folder]);
  if (made.exitCode !== 0) throw new Error(made.stderr);
  const text = (name: string): string => readFileSync(`${folder}/${name}`, "utf8");
  const secret = (name: string, stringData: object): object => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace: "default", name },
    stringData,
  });
  const pair = { "tls.crt": text("web.crt"), "tls.key": text("web.key") };
  await apply(secret("web-tls", pair), secret("grpc-mtls", { ...pair, "ca.crt": text("ca.crt") }));
}

/** What comes back for it from a port of the host, by TCP or UDP, until the end or a second after the last byte. */
async function exchange(kind: "TCP" | "UDP", port: number, text: string): Promise<string> {
  const address = `${kind}:${stand.vps.address}:${port}`;
  const { stdout } = await stand.vps.fromInternet("sh", "-c", 'printf "%s" "$1" | socat -t 2 - "$2"', "sh", text, address);
  return stdout;
}

async function tls(port: number, ...options: readonly string[]): Promise<Ran> {
  const at = ["--resolve", `web.example.com:${port}:${stand.vps.address}`, "--cacert", `${folder}/ca.crt`];
  return await stand.vps.fromInternet("curl", "-sS", "--max-time", "10", ...at, ...options, `https://web.example.com:${port}/`);
}

cases("the examples of the README", () => {
  test("1 and 2: an EdgeNode, and a Service on port 80", async () => {
    await stand.applyAll(...readmeExamples.slice(0, 2));
    await stand.ready("portbinding", "public-web", 120_000);
    // Ready says that the first connection is served.
    const answer = await stand.curl(80);
    expect(answer.stderr).toBe("");
    expect(answer.stdout).toContain("my-web");
    const node = await stand.ready("edgenode", "edge-node");
    expect(node.status?.uplink?.map(({ ordinal, tunnelIP }) => [ordinal, tunnelIP])).toEqual([[0, "10.200.0.2"]]);
  }, 180_000);

  test("3: TCP with a PROXY header, and UDP to an address", async () => {
    await stand.applyAll(...readmeExamples.slice(2, 3));
    await stand.ready("portbinding", "public-edge");
    const client = stand.vps.clientAddress;
    expect(await exchange("TCP", 443, "hello")).toMatch(
      new RegExp(`^PROXY TCP4 ${client} ${stand.vps.address} \\d+ 443\\r\\nhello$`.replaceAll(".", "\\.").replaceAll("\\\\.", "\\.")),
    );
    expect(await exchange("UDP", 53, "a datagram")).toBe("a datagram");
  });

  test("4: TLS that passes, that ends on the host, and that asks for a certificate", async () => {
    await stand.applyAll(...readmeExamples.slice(3, 4));
    await stand.ready("portbinding", "public-tls");
    // Its target sends back what it gets: the hello comes through as it was sent.
    const hello = await stand.vps.fromInternet(
      "sh",
      "-c",
      `openssl s_client -connect ${stand.vps.address}:8443 -servername a.b </dev/null 2>&1 | head -c 2000`,
    );
    expect(hello.stdout).toContain("unexpected message");
    const offloaded = await tls(9443);
    expect(offloaded.stderr).toBe("");
    expect(offloaded.stdout).toContain("my-web");
    const pair = (name: string): string[] => ["--cert", `${folder}/${name}.crt`, "--key", `${folder}/${name}.key`];
    // Its target speaks no HTTP: it sends the request back, which curl takes for an answer of HTTP/0.9.
    const good = await tls(9444, ...pair("client"), "--http0.9");
    expect(good.stdout).toStartWith("GET / HTTP/1.1");
    for (const bad of [[], pair("foreign")]) {
      const refused = await tls(9444, ...bad, "--http0.9");
      expect(refused.exitCode).not.toBe(0);
      expect(refused.stdout).toBe("");
    }
  });
});
