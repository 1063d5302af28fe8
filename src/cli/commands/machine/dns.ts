/** `kt dns status`: where the hub answers for names by DNS, with proof by a query there and by this machine's own resolver. */

import { systemClock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { green, type Line, red, tableLines, type Text, yellow } from "#base/text.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import type { ReplyOf } from "#control/api.ts";
import { surroundings } from "#control/socket-path.ts";
import { findHub } from "#daemon/process/find-hub.ts";
import { type DnsTrial, tryDns } from "#doctor/dns-proof.ts";
import { type Addresses, resolveBySystem } from "#doctor/system-resolver.ts";
import { readBlocks } from "#host/names/read-blocks.ts";
import { parseListen } from "#profile/values/listen.ts";

type Facts = Omit<ReplyOf<"dns">, "type">;
type Listener = Facts["listeners"][number];

interface TriedListener extends Listener {
  /** Null where no answer came, and where there is nothing to ask for. */
  readonly udp: DnsTrial | null;
  readonly tcp: DnsTrial | null;
}

interface SystemTrial {
  /** Null where it did not answer in time. */
  readonly addresses: Addresses | null;
  /** It need not ask: the name stands in /etc/hosts. */
  readonly byHostsFile: boolean;
}

interface Proof {
  readonly listeners: readonly TriedListener[];
  readonly names: number;
  readonly domains: readonly string[];
  readonly sample: Facts["sample"] | null;
  readonly system: SystemTrial | null;
  readonly ok: boolean;
}

export async function dns({ args: [action = "status"], options, output }: CommandContext): Promise<number> {
  if (action !== "status") throw new KtError("usage", `kt dns does not know "${action}"`, { hints: ["kt dns status"] });
  const facts = await askHub();
  const proof = await prove(facts ?? { listeners: [], names: 0, domains: [] });
  if (options.flag("json")) output.json(proof);
  else if (facts === undefined || proof.listeners.length === 0) {
    output.line(facts === undefined ? "no profile is attached" : "no attached profile says where to listen");
    output.advice([facts === undefined ? "kt up" : 'in tunnels.toml: listen = "127.0.0.1:8953" under [dns]']);
  } else {
    output.lines(linesOf(proof));
    for (const { problem } of proof.listeners) output.hints(problem?.hints ?? []);
    if (proof.sample && !leadsTo(proof.sample, proof.system?.addresses)) output.advice(["kt setup dns"]);
  }
  return proof.ok ? exitCodes.done : exitCodes.failed;
}

/** Undefined where no hub runs. */
async function askHub(): Promise<Facts | undefined> {
  try {
    const client = await findHub(surroundings());
    const { type: _, ...facts } = await client.ask({ type: "dns" }, "dns");
    client.close();
    return facts;
  } catch (error) {
    if (error instanceof KtError && error.code === "hub-unreachable") return undefined;
    throw error;
  }
}

async function prove({ listeners, names, domains, sample: given }: Facts): Promise<Proof> {
  const sample = given ?? null;
  const system = sample && listeners.length > 0 ? await trySystem(sample.name) : null;
  const tried = await Promise.all(listeners.map((listener) => tryListener(listener, sample?.name)));
  const found = [...tried.flatMap(({ udp, tcp }) => [udp?.addresses, tcp?.addresses]), system?.addresses];
  const ok = tried.length > 0 && found.every((addresses) => sample !== null && leadsTo(sample, addresses));
  return { listeners: tried, names, domains, sample, system, ok };
}

async function tryListener(listener: Listener, name: string | undefined): Promise<TriedListener> {
  const [server] = parseListen(listener.address);
  if (!listener.open || !server || name === undefined) return { ...listener, udp: null, tcp: null };
  const [udp = null, tcp = null] = [await tryDns(server, name, "udp", systemClock), await tryDns(server, name, "tcp", systemClock)];
  return { ...listener, udp, tcp };
}

async function trySystem(name: string): Promise<SystemTrial> {
  const byHostsFile = readBlocks().some(({ lines }) => lines.some((line) => line.split(" ").includes(name)));
  return { addresses: (await resolveBySystem(name, systemClock)) ?? null, byHostsFile };
}

/** To one of its addresses, and to no other. */
function leadsTo({ addresses }: NonNullable<Facts["sample"]>, found: Addresses | null): boolean {
  return found !== undefined && found !== null && found.length > 0 && found.every((each) => addresses.includes(each));
}

function linesOf({ listeners, names, domains, sample, system }: Proof): Line[] {
  return tableLines([
    ...listeners.map((listener): Text[] => ["server", serverText(listener, sample)]),
    ["names", `${names} of services and pods, in ${domains.join(", ")}`],
    ["system", systemText(sample, system)],
  ]);
}

function serverText({ address, problem, udp, tcp }: TriedListener, sample: Proof["sample"]): Text {
  if (problem) return red(problem.message);
  if (!sample) return `${address}, with no name to ask for: no service is forwarded, and no route named`;
  const failed = [...(udp ? [] : ["UDP"]), ...(tcp ? [] : ["TCP"])];
  if (failed.length > 0) return [red(address), ` does not answer by ${failed.join(" and ")}`];
  const took = `${(udp?.tookMs ?? 0).toFixed(1)} ms by UDP, ${(tcp?.tookMs ?? 0).toFixed(1)} ms by TCP`;
  const found = udp?.addresses.join(", ") ?? "";
  return [
    leadsTo(sample, udp?.addresses) ? green(address) : red(address),
    ` says that ${sample.name} is ${found || "not there"} (${took})`,
  ];
}

function systemText(sample: Proof["sample"], system: Proof["system"]): Text {
  if (!sample || !system) return "not tried";
  const { addresses, byHostsFile } = system;
  if (addresses === null) return yellow("this machine's resolver did not answer in time");
  if (!leadsTo(sample, addresses))
    return yellow(
      addresses === undefined || addresses.length === 0
        ? `this machine's resolver does not know ${sample.name}: it does not ask kt`
        : `to this machine's resolver ${sample.name} is ${addresses.join(", ")}: it does not ask kt`,
    );
  return `every program finds ${sample.name}${byHostsFile ? ", by /etc/hosts" : ""}`;
}
