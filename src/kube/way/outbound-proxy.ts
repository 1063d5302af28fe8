/** Which HTTP proxy leads to a server: the kubeconfig's own, else what the profile's environment says, as Go reads it. */

import { KtError } from "#base/errors.ts";
import { isLoopbackIpv4, parseIpv4 } from "#base/ipv4.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface ProxyChoice {
  readonly url: URL;
  /** What says so: `proxy-url`, or the variable as it is written. */
  readonly from: string;
}

/** `proxyUrl` is the kubeconfig's `proxy-url`, which wins and also goes for loopback. Throws KtError `proxy-failed` for no URL. */
export function proxyFor(server: URL, proxyUrl: string | undefined, environment: Environment): URL | undefined {
  return chooseProxy(server, proxyUrl, environment)?.url;
}

/** As `proxyFor`, with what made the choice. */
export function chooseProxy(server: URL, proxyUrl: string | undefined, environment: Environment): ProxyChoice | undefined {
  if (proxyUrl !== undefined) return { url: parseProxyUrl(proxyUrl, "proxy-url"), from: "proxy-url" };
  const name = server.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const from = environment[name] ? name : name.toLowerCase();
  const value = environment[from];
  if (!value || bypasses(server, environment["NO_PROXY"] || environment["no_proxy"] || "")) return undefined;
  return { url: parseProxyUrl(value, from), from };
}

/** The port that the URL names, else its scheme's. */
export function portOf(url: URL): number {
  if (url.port !== "") return Number(url.port);
  if (url.protocol === "https:") return 443;
  return url.protocol.startsWith("socks5") ? 1080 : 80;
}

/** The host without the brackets of IPv6. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}

function parseProxyUrl(value: string, from: string): URL {
  const withScheme = value.includes("://") ? value : `http://${value}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined;
  if (!url || url.hostname === "") throw new KtError("proxy-failed", `${from} is not a valid URL: "${withoutLogin(value)}"`);
  if (!["http:", "https:", "socks5:", "socks5h:"].includes(url.protocol)) {
    throw new KtError(
      "proxy-failed",
      `${from} "${withoutLogin(value)}" has scheme "${url.protocol.slice(0, -1)}"; use http, https or socks5`,
    );
  }
  return url;
}

/** A proxy URL may hold a password, which no message may show. */
export function withoutLogin(value: string): string {
  return value.replace(/^([a-z0-9]*:?\/*)[^/]*@/i, "$1");
}

function bypasses(server: URL, noProxy: string): boolean {
  const host = hostOf(server).toLowerCase().replace(/\.$/, "");
  if (host === "localhost" || host === "::1" || isLoopbackIpv4(parseIpv4(host) ?? 0)) return true;
  return noProxy
    .split(",")
    .map((entry) => entry.trim().toLowerCase())
    .some((entry) => entry !== "" && matches(entry, host, portOf(server)));
}

/** One entry of NO_PROXY: "*", a CIDR, an address or a domain (with what is under it), each of the last two perhaps with a port. */
function matches(entry: string, host: string, port: number): boolean {
  if (entry === "*") return true;
  const slash = entry.indexOf("/");
  if (slash >= 0) return inNetwork(host, entry.slice(0, slash), Number(entry.slice(slash + 1)));
  const { name, port: wanted } = splitPort(entry);
  if (wanted !== undefined && wanted !== port) return false;
  const address = addressBits(name);
  if (address !== undefined) return address === addressBits(host);
  const domain = name.startsWith("*.") ? name.slice(1) : name;
  return domain.startsWith(".") ? host.endsWith(domain) : host === domain || host.endsWith(`.${domain}`);
}

function splitPort(entry: string): { name: string; port: number | undefined } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(entry);
  if (match) return { name: match[1] ?? match[2] ?? "", port: Number(match[3]) };
  return { name: entry.replace(/^\[(.*)\]$/, "$1"), port: undefined };
}

function inNetwork(host: string, network: string, prefix: number): boolean {
  const address = addressBits(host);
  const base = addressBits(network);
  if (address === undefined || base === undefined || address.length !== base.length || Number.isNaN(prefix)) return false;
  return address.slice(0, prefix) === base.slice(0, prefix);
}

/** An IP address as a text of 32 or 128 binary digits, so that equal addresses are equal texts; undefined for a name. */
function addressBits(text: string): string | undefined {
  const ipv4 = parseIpv4(text);
  if (ipv4 !== undefined) return ipv4.toString(2).padStart(32, "0");
  if (!text.includes(":") || !URL.canParse(`http://[${text}]`)) return undefined;
  // The URL parser writes an address in its shortest form, always in hexadecimal (RFC 5952).
  const [left = "", right] = hostOf(new URL(`http://[${text}]`)).split("::");
  const head = left === "" ? [] : left.split(":");
  const tail = right === undefined || right === "" ? [] : right.split(":");
  const middle = Array.from({ length: 8 - head.length - tail.length }, () => "0");
  return [...head, ...middle, ...tail].map((group) => Number.parseInt(group, 16).toString(2).padStart(16, "0")).join("");
}
