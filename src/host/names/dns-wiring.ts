/** Which domains this machine's resolver asks kt for, and where: written by `kt setup dns`, and read back from what it wrote. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { formatHostPort } from "#base/hostname.ts";

export interface DnsWiring {
  /** Whose hub answers: of one user, since a domain can be asked for in one place only. */
  readonly uid: number;
  /** A loopback address. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly domains: readonly string[];
}

/** A file by which a resolver learns of a wiring. */
export interface WiringFile {
  readonly path: string;
  readonly text: string;
}

/** systemd-resolved (resolved.conf(5)): "~" is a domain to ask for, and not one to try short names in. */
export const resolvedFile = "/etc/systemd/resolved.conf.d/kt.conf";
/** The dnsmasq that NetworkManager starts. */
export const dnsmasqFile = "/etc/NetworkManager/dnsmasq.d/kt.conf";
/** macOS (resolver(5)): a file for each domain. */
const macFolder = "/etc/resolver";

const header = ({ uid }: DnsWiring): string => `# Written by "kt setup dns" for uid ${uid}; "kt setup dns --undo" removes it.\n`;

export function forResolved(wiring: DnsWiring): WiringFile {
  const { listen, domains } = wiring;
  const lines = ["[Resolve]", `DNS=${formatHostPort(listen)}`, `Domains=${domains.map((domain) => `~${domain}`).join(" ")}`];
  return { path: resolvedFile, text: `${header(wiring)}${lines.join("\n")}\n` };
}

export function forDnsmasq(wiring: DnsWiring): WiringFile {
  const { listen, domains } = wiring;
  const lines = domains.map((domain) => `server=/${domain}/${listen.host}#${listen.port}\n`);
  return { path: dnsmasqFile, text: `${header(wiring)}${lines.join("")}` };
}

export function forMac(wiring: DnsWiring): WiringFile[] {
  const { listen, domains } = wiring;
  const text = `${header(wiring)}nameserver ${listen.host}\nport ${listen.port}\n`;
  return domains.map((domain) => ({ path: `${macFolder}/${domain}`, text }));
}

/** Those of kt's in the folder of macOS. */
export function macFiles(): WiringFile[] {
  const names = existsSync(macFolder) ? readdirSync(macFolder) : [];
  const files = names.map((name) => ({ path: `${macFolder}/${name}`, text: textOf(`${macFolder}/${name}`) }));
  return files.filter(({ text }) => uidIn(text) !== undefined);
}

/** Undefined where nothing is wired. */
export function readDnsWiring(): DnsWiring | undefined {
  const files = [resolvedFile, dnsmasqFile].map((path) => ({ path, text: textOf(path) }));
  return parseWiring([...files, ...macFiles()]);
}

/** Where this machine's resolver asks the hub of this user. */
export function wiredAddresses(uid: number): DnsWiring["listen"][] {
  const wiring = readDnsWiring();
  return wiring?.uid === uid ? [wiring.listen] : [];
}

/** Undefined of files that are not kt's. */
export function parseWiring(files: readonly WiringFile[]): DnsWiring | undefined {
  const found = files.flatMap(({ path, text }) => {
    const uid = uidIn(text);
    const address =
      /^DNS=\[?([\d.]+|[\da-f:]+)\]?:(\d+)$/m.exec(text) ??
      /^server=\/[^/]+\/(.+)#(\d+)$/m.exec(text) ??
      /^nameserver (.+)\nport (\d+)$/m.exec(text);
    const [, host = "", port] = address ?? [];
    return uid === undefined || port === undefined ? [] : [{ uid, listen: { host, port: Number(port) }, domains: domainsIn(path, text) }];
  });
  const [first] = found;
  return first && { ...first, domains: [...new Set(found.flatMap(({ domains }) => domains))] };
}

function domainsIn(path: string, text: string): string[] {
  const [, listed] = /^Domains=(.*)$/m.exec(text) ?? [];
  if (listed !== undefined) return listed.split(" ").map((domain) => domain.replace(/^~/, ""));
  const servers = [...text.matchAll(/^server=\/([^/]+)\//gm)].map(([, domain = ""]) => domain);
  return servers.length > 0 ? servers : [path.slice(path.lastIndexOf("/") + 1)];
}

function uidIn(text: string): number | undefined {
  const uid = /^# Written by "kt setup dns" for uid (\d{1,9});/.exec(text)?.[1];
  return uid === undefined ? undefined : Number(uid);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
