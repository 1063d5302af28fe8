/** What resolves names for the programs of this machine, as far as kt can be made a part of it. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { toolOutput } from "#native/tool-output.ts";

export type ResolverKind =
  | { readonly kind: "resolved" | "dnsmasq" | "macos" }
  | { readonly kind: "other"; readonly why: string; readonly hints: readonly string[] };

const instead = ["kt setup names", "kt run -- COMMAND resolves the names in one command"];
const other = (why: string, ...hints: readonly string[]): ResolverKind => ({ kind: "other", why, hints: [...hints, ...instead] });

/** `own` is the server that kt may have been made already. */
export function resolverKind(platform: string, own: string): ResolverKind {
  if (platform === "darwin") return { kind: "macos" };
  const servers = [...textOf("/etc/resolv.conf").matchAll(/^nameserver[ \t]+(\S+)/gm)].map(([, server = ""]) => server);
  if (existsSync("/run/systemd/resolve/stub-resolv.conf") && servers.length > 0 && servers.every((each) => /^127\.0\.0\.5[34]$/.test(each)))
    return judgeResolved(toolOutput(["resolvectl", "dns"]), own);
  if (servers.every((each) => /^127\.0\.[01]\.1$/.test(each)) && networkManagerHasDnsmasq()) return { kind: "dnsmasq" };
  return other(
    `/etc/resolv.conf names ${servers.join(", ") || "no server"}, which programs ask themselves, and kt does not change that file`,
  );
}

/** From what `resolvectl dns` says: the servers of all links on a line of their own, then those of each link. */
export function judgeResolved(said: string, own: string): ResolverKind {
  const lines = said.split("\n").map((line) => line.split(/:(?= |$)/));
  const serversOf = (isMeant: (name: string) => boolean): string[] =>
    lines.filter(([name = ""]) => isMeant(name)).flatMap(([, servers = ""]) => servers.split(" ").filter((server) => server !== ""));
  if (said === "") return other("systemd-resolved does not answer resolvectl", "systemctl status systemd-resolved");
  const [global] = serversOf((name) => name === "Global").filter((server) => server !== own);
  if (global !== undefined)
    return other(
      `systemd-resolved asks ${global} on every link, and would ask it for kt's domains as well`,
      "let each link have its own DNS",
    );
  if (serversOf((name) => name.startsWith("Link")).length === 0)
    return other("no link has a name server now, so kt's would be asked for everything", "connect to a network first");
  return { kind: "resolved" };
}

const configFolders = ["/usr/lib/NetworkManager/conf.d", "/run/NetworkManager/conf.d", "/etc/NetworkManager/conf.d"];

function networkManagerHasDnsmasq(): boolean {
  const files = configFolders.flatMap((folder) => (existsSync(folder) ? readdirSync(folder).map((name) => `${folder}/${name}`) : []));
  const texts = ["/etc/NetworkManager/NetworkManager.conf", ...files].map(textOf);
  return existsSync("/run/NetworkManager") && texts.some((text) => /^\s*dns\s*=\s*dnsmasq\s*$/m.test(text));
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
