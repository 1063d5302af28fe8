/** Whether the addresses can be listened on, or are held by the hub already, or by another program. */

import { type KtError, toKtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import type { Holding } from "#daemon/listening/port-holding.ts";
import { systemCode } from "#base/system-error.ts";
import { formatListen } from "#profile/values/listen.ts";
import type { ListenAddress, Plan } from "#profile/values/plan.ts";
import { type Finding, Findings } from "./finding.ts";

export interface PortQuestion {
  /** Tries to listen and lets go again. Throws KtError `port-taken` or `listen-failed`. */
  readonly tryListen: (address: ListenAddress) => void;
  readonly holderOf: (address: ListenAddress) => Promise<Holding | undefined>;
  /** Addresses that the hub listens on, as `formatListen` writes them. */
  readonly ours: ReadonlySet<string>;
}

export async function examinePorts({ listeners }: Plan, question: PortQuestion): Promise<readonly Finding[]> {
  const findings = new Findings("ports");
  const addresses = listeners.filter(({ kind }) => kind !== "route").flatMap(({ listen }) => listen);
  const free: string[] = [];
  const held: string[] = [];
  for (const address of addresses) {
    const shown = formatListen(address);
    if (question.ours.has(shown)) held.push(shown);
    else if (await canListen(address, question, findings)) free.push(shown);
  }
  if (held.length > 0) findings.ok(`the hub listens on ${held.join(", ")}`);
  if (free.length > 0) findings.ok(`${free.join(", ")} ${free.length === 1 ? "is" : "are"} free`);
  return findings.list;
}

async function canListen(address: ListenAddress, { tryListen, holderOf }: PortQuestion, findings: Findings): Promise<boolean> {
  try {
    tryListen(address);
    return true;
  } catch (error) {
    const problem = toKtError(error, "listen-failed", `listen on ${formatListen(address)}`);
    tell(findings, address, problem, problem.code === "port-taken" ? await holderOf(address) : undefined);
    return false;
  }
}

function holderCommand({ port, transport }: ListenAddress): string {
  return transport === "udp" ? command`sudo lsof -nP ${`-iUDP:${port}`}` : command`sudo lsof -nP ${`-iTCP:${port}`} -sTCP:LISTEN`;
}

const anotherPort = "choose another port in tunnels.toml";
const absentCodes: ReadonlySet<string> = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT"]);

function tell(findings: Findings, address: ListenAddress, problem: KtError, holder: Holding | undefined): void {
  const shown = formatListen(address);
  const code = systemCode(problem.cause) ?? "";
  if (problem.code === "port-taken") {
    const { who, fixes } = holder ?? {
      who: "a program of another user",
      fixes: [holderCommand(address)],
    };
    findings.broken(`${shown} is taken by ${who}`, [...fixes, anotherPort]);
  } else if (absentCodes.has(code) && address.host === "::1") {
    findings.ok(`${shown} is left out: this machine has no IPv6 loopback, which matters to no program`);
  } else if (absentCodes.has(code)) {
    findings.broken(`this machine has no address ${address.host} to listen on`, ["ip address, or ifconfig, lists those that it has"]);
  } else if (code === "EACCES") {
    findings.broken(`${shown} is a port below 1024, which only root may listen on here`, [
      "choose a port above 1023",
      "on Linux, for every user: kt setup ports",
    ]);
  } else {
    findings.broken(problem.message, problem.hints);
  }
}
