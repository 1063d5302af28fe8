/** `kt setup dns`: the machine's resolver asks kt for the cluster's domain and its suffixes, and for nothing else. */

import { existsSync, rmSync } from "node:fs";
import { formatHostPort } from "#base/hostname.ts";
import {
  type DnsWiring,
  dnsmasqFile,
  forDnsmasq,
  forMac,
  forResolved,
  macFiles,
  readDnsWiring,
  resolvedFile,
  type WiringFile,
} from "#host/names/dns-wiring.ts";
import { resolverKind } from "#host/names/resolver-kind.ts";
import type { SetupStep } from "#host/steps/setup-step.ts";
import { toolOutput } from "#native/tool-output.ts";
import type { SetupPart, SetupRequest } from "./setup-part.ts";

export function setupDns(request: SetupRequest): SetupPart {
  const { direction, platform, uid, dns } = request;
  const wired = readDnsWiring();
  const server = formatHostPort(wired?.listen ?? dns.listen);
  if (direction === "undo") return part(undoSteps(server));
  if (wired && wired.uid !== uid)
    return {
      kind: "impossible",
      why: `uid ${wired.uid} has it, and a domain can be asked for in one place only`,
      hints: ["kt setup dns --undo"],
    };
  const resolver = resolverKind(platform, server);
  if (resolver.kind === "other") return { kind: "impossible", why: resolver.why, hints: resolver.hints };
  return part(doSteps(resolver.kind, { uid, ...dns }, wired));
}

function part(steps: readonly SetupStep[]): SetupPart {
  return { kind: "steps", steps, done: "names in the domains resolve in every program while your hub runs; kt dns status tries it" };
}

function doSteps(kind: "resolved" | "dnsmasq" | "macos", wiring: DnsWiring, before: DnsWiring | undefined): SetupStep[] {
  if (kind === "dnsmasq") return dnsmasqSteps(forDnsmasq(wiring));
  if (kind === "macos") return macSteps(forMac(wiring));
  const left = before?.domains.filter((domain) => !wiring.domains.includes(domain)) ?? [];
  return resolvedSteps(forResolved(wiring), { asksKt: () => resolvedAsks(wiring), hasLeft: () => left.some(resolvedKnows) });
}

/** Of whatever is there: the machine may have another resolver by now. */
function undoSteps(server: string): SetupStep[] {
  const none = "";
  return [
    ...resolvedSteps({ path: resolvedFile, text: none }, { asksKt: () => globally("dns").includes(server), hasLeft: () => false }),
    ...(existsSync(dnsmasqFile) ? dnsmasqSteps({ path: dnsmasqFile, text: none }) : []),
    ...(macFiles().length > 0 ? macSteps(macFiles()) : []),
  ];
}

interface ResolvedState {
  readonly asksKt: () => boolean;
  /** Domains of kt's that are not wanted any more. */
  readonly hasLeft: () => boolean;
}

function resolvedSteps(file: WiringFile, { asksKt, hasLeft }: ResolvedState): SetupStep[] {
  const argv = ["systemctl", "reload-or-restart", "systemd-resolved"];
  return [
    { kind: "command", on: "undo", argv, isNeeded: asksKt },
    { kind: "file", ...file, folder: "kt's" },
    { kind: "command", on: "do", argv, isNeeded: () => !asksKt() || hasLeft() },
  ];
}

const resolvedAsks = ({ listen, domains }: DnsWiring): boolean =>
  globally("dns").includes(formatHostPort(listen)) && domains.every(resolvedKnows);
const resolvedKnows = (domain: string): boolean => globally("domain").includes(`~${domain}`);

/** What resolved has for all links, as it runs. */
function globally(what: "dns" | "domain"): readonly string[] {
  const line = toolOutput(["resolvectl", what])
    .split("\n")
    .find((each) => each.startsWith("Global:"));
  return line?.slice("Global:".length).trim().split(" ") ?? [];
}

function dnsmasqSteps(file: WiringFile): SetupStep[] {
  const argv = ["nmcli", "general", "reload", "dns-full"];
  return [
    { kind: "command", on: "undo", argv },
    { kind: "file", ...file, folder: "system's" },
    { kind: "command", on: "do", argv },
  ];
}

function macSteps(files: readonly WiringFile[]): SetupStep[] {
  const wanted = new Set(files.map(({ path }) => path));
  const left = macFiles().filter(({ path }) => !wanted.has(path));
  const flush = ["/usr/bin/dscacheutil", "-flushcache"];
  return [
    { kind: "command", on: "undo", argv: flush },
    ...files.map((file): SetupStep => ({ kind: "file", ...file, folder: "kt's" })),
    ...left.map(
      ({ path }): SetupStep => ({
        kind: "call",
        on: "do",
        what: `remove ${path}`,
        run: () => rmSync(path),
        isNeeded: () => existsSync(path),
      }),
    ),
    { kind: "command", on: "do", argv: flush },
  ];
}
