/** What a host of a public edge gets, word by word, and what makes it another host. */

import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import type { EdgeDocument } from "#expose/host/edge-document.ts";
import { parseEdgeDocument } from "#expose/host/edge-document.ts";
import { certificateFile, type WantedHost, wantedHost, type WantedHostSource } from "#operator/host/wanted/wanted-host.ts";
import { plainDocument as document } from "#test/support/edge-document.ts";

const golden = new URL("./wanted-host.txt", import.meta.url).pathname;

const binary = {
  sha256: "0123456789abcdef".repeat(4),
  sizeBytes: 1,
  machine: "x86_64",
  interpreter: undefined,
  read: () => new Blob().stream(),
};

function wanted(change: Partial<EdgeDocument> = {}, more: Partial<WantedHostSource> = {}): WantedHost {
  return wantedHost({ document: { ...document, ...change }, certificates: [], binary, disablesOffloads: false, ...more });
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

test("units and the file of sysctls are as reviewed; KT_GOLDEN=write writes them anew", () => {
  const text = wanted({}, { disablesOffloads: true })
    .files.filter(({ kind }) => kind === "unit" || kind === "sysctl")
    .map(({ path, mode, owner, bytes }) => `### ${path} ${mode} ${owner}\n${textOf(bytes)}`)
    .join("\n");
  if (process.env["KT_GOLDEN"] === "write") writeFileSync(golden, text);
  expect(text).toBe(readFileSync(golden, "utf8"));
});

test("the plan is the document as an edge reads it", () => {
  const plan = wanted().files.find(({ kind }) => kind === "plan");
  expect(parseEdgeDocument(textOf(plan?.bytes ?? new Uint8Array()))).toEqual(document);
});

test("with TLS there is no WireGuard, and without a size of buffers the kernel keeps its own", () => {
  const { units, link, sysctls } = wanted({ transport: "tls", maxSocketBufferBytes: 0 });
  expect({ units, link }).toEqual({ units: ["kt-edge-shutdown.service"], link: undefined });
  expect(sysctls.map(({ name }) => name)).toEqual(["net.ipv4.tcp_migrate_req"]);
});

test("a certificate is a file for the edge alone, named by what it holds", () => {
  const one = certificateFile("CHAIN\n\n", "KEY");
  expect(textOf(one.bytes)).toBe("CHAIN\nKEY\n");
  expect(certificateFile("CHAIN", "KEY")).toEqual(one);
  expect(certificateFile("CHAIN", "OTHER").name).not.toBe(one.name);
  const [file] = wanted({}, { certificates: [one] }).files.filter(({ kind }) => kind === "certificate");
  expect(file).toMatchObject({ path: `/etc/kt/edge/certs/${one.name}`, mode: "600", owner: "edge" });
});

test("anything that changes on the host is another hash, and the same is the same", () => {
  const hashes = [
    wanted(),
    wanted({ mtu: 1300 }),
    wanted({ tunnelPort: 51_822 }),
    wanted({ maxSocketBufferBytes: 1 }),
    wanted({}, { certificates: [certificateFile("A")] }),
    wanted({}, { disablesOffloads: true }),
    wanted({}, { binary: { ...binary, sha256: "f".repeat(64) } }),
  ].map(({ hash }) => hash);
  expect(new Set(hashes).size).toBe(hashes.length);
  expect(wanted().hash).toBe(hashes[0] ?? "");
});
