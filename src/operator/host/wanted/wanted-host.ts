/** What the host of an EdgeNode should have: files, units, settings of its kernel. Pure. */

import type { EdgeDocument } from "#expose/host/edge-document.ts";
import { hashOf } from "#expose/plan/settings.ts";
import { sha256Of } from "#remote/remote-files.ts";
import { type KtBinary, versionOf } from "./kt-binary.ts";
import { binaryPath, offloadsUnit, places, shutdownUnit, wireguardUnit } from "./places.ts";
import { edgeUnitText, offloadsUnitText, shutdownUnitText, type WireguardLink, wireguardUnitText } from "./units.ts";

export interface WantedFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly mode: "600" | "644";
  /** "edge": the user that systemd makes for the edge. */
  readonly owner: "root" | "edge";
  readonly kind: "plan" | "certificate" | "unit" | "sysctl";
}

export interface WantedSysctl {
  /** As sysctl(8) writes it. */
  readonly name: string;
  readonly value: number;
}

export interface WantedHost {
  readonly binary: KtBinary;
  readonly files: readonly WantedFile[];
  /** Enabled and running, before an edge is started. */
  readonly units: readonly string[];
  readonly sysctls: readonly WantedSysctl[];
  readonly transport: EdgeDocument["transport"];
  /** Of WireGuard; undefined with TLS. */
  readonly link: WireguardLink | undefined;
  /** Of all of it: what a host lacks of one that it had before is drift. */
  readonly hash: string;
}

/** A file of the folder of certificates, by the name that an `EdgeDocument` has for it. */
export interface CertificateFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface WantedHostSource {
  readonly document: EdgeDocument;
  readonly certificates: readonly CertificateFile[];
  readonly binary: KtBinary;
  readonly disablesOffloads: boolean;
}

/** A chain and its key, or the certificates of those that sign clients', in PEM. */
export function certificateFile(...parts: readonly string[]): CertificateFile {
  const bytes = new TextEncoder().encode(parts.map((part) => `${part.trim()}\n`).join(""));
  return { name: `${sha256Of(bytes)}.pem`, bytes };
}

export function wantedHost({ document, certificates, binary, disablesOffloads }: WantedHostSource): WantedHost {
  const version = versionOf(binary);
  const sysctls = sysctlsOf(document);
  const link = linkOf(document);
  const units = [shutdownUnit, ...(disablesOffloads ? [offloadsUnit] : []), ...(link === undefined ? [] : [wireguardUnit])];
  const files: WantedFile[] = [
    unitFile(shutdownUnit, shutdownUnitText),
    ...(disablesOffloads ? [unitFile(offloadsUnit, offloadsUnitText(binaryPath(version)))] : []),
    ...(link === undefined ? [] : [unitFile(wireguardUnit, wireguardUnitText(binaryPath(version), link))]),
    unitFile("kt-edge@.service", edgeUnitText),
    textFile("sysctl", places.sysctls, sysctls.map(({ name, value }) => `${name} = ${value}\n`).join("")),
    ...certificates.map(
      ({ name, bytes }) =>
        ({ kind: "certificate", path: `${places.certificates}/${name}`, bytes, mode: "600", owner: "edge" }) satisfies WantedFile,
    ),
    // After what it refers to.
    textFile("plan", places.plan, `${JSON.stringify(document, undefined, 2)}\n`),
  ];
  const hash = hashOf({ version, files: files.map(({ path, bytes }) => [path, sha256Of(bytes)]), units, sysctls, link });
  return { binary, files, units, sysctls, transport: document.transport, link, hash };
}

function linkOf({ transport, edgeAddress, network, mtu }: EdgeDocument): WireguardLink | undefined {
  return transport === "wireguard" ? { address: edgeAddress, prefixLength: Number(network.split("/")[1]), mtu } : undefined;
}

/**
 * tcp_migrate_req: connections that wait to be accepted go to the other instance of the edge during an upgrade. The rest is how much may
 * wait in a socket, which the kernel limits for all that do not have CAP_NET_ADMIN.
 */
function sysctlsOf({ maxSocketBufferBytes }: EdgeDocument): WantedSysctl[] {
  const buffers = maxSocketBufferBytes === 0 ? [] : ["net.core.rmem_max", "net.core.wmem_max"];
  return [{ name: "net.ipv4.tcp_migrate_req", value: 1 }, ...buffers.map((name) => ({ name, value: maxSocketBufferBytes }))];
}

const unitFile = (name: string, text: string): WantedFile => textFile("unit", `${places.units}/${name}`, text);

function textFile(kind: WantedFile["kind"], path: string, text: string): WantedFile {
  return { kind, path, bytes: new TextEncoder().encode(text), mode: "644", owner: "root" };
}
