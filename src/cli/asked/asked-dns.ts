/** Which domains `kt setup dns` is about, and where kt answers for them: as said, else as the profile here has it. */

import { KtError } from "#base/errors.ts";
import { normaliseHostname } from "#base/hostname.ts";
import { findProfile } from "#profile/read/find.ts";
import { isLoopback, parseListen } from "#profile/values/listen.ts";
import type { Plan } from "#profile/values/plan.ts";
import { readDnsWiring } from "#host/names/dns-wiring.ts";
import { domainsOf } from "#daemon/dns-names.ts";
import { loadHere } from "#cli/profile/local-plan.ts";

export interface AskedDns {
  readonly domains: readonly string[];
  readonly listen: { readonly host: string; readonly port: number };
}

const usual = { domains: ["cluster.local"], listen: { host: "127.0.0.1", port: 8953 } } as const;

/** Domains of a profile come beside those that are set up already. Throws KtError. */
export async function askedDns({ domains, listen }: { domains: readonly string[]; listen: string | undefined }): Promise<AskedDns> {
  const asked = domains.map(parseDomain);
  const plan = asked.length > 0 ? undefined : await nearestPlan();
  const wired = readDnsWiring();
  const own = plan === undefined ? usual.domains : [...domainsOf(plan), ...onMac(plan)];
  return {
    domains: asked.length > 0 ? asked : [...new Set([...(wired?.domains ?? []), ...own])],
    listen: listen === undefined ? (addressIn(plan) ?? wired?.listen ?? usual.listen) : parseAddress(listen),
  };
}

async function nearestPlan(): Promise<Plan | undefined> {
  const file = await findProfile(process.cwd()).catch(() => undefined);
  return file === undefined ? undefined : (await loadHere(file)).plan;
}

/** There, names under .localhost lead nowhere by themselves. */
function onMac({ http: { suffix } }: Plan): string[] {
  return process.platform === "darwin" ? [suffix] : [];
}

function addressIn(plan: Plan | undefined): AskedDns["listen"] | undefined {
  return plan?.listeners.filter(({ kind }) => kind === "dns").flatMap(({ listen }) => listen)[0];
}

function parseDomain(text: string): string {
  const domain = normaliseHostname(text);
  if (domain === undefined || /^(local|localhost|arpa)$/.test(domain))
    throw new KtError("usage", `"${text}" is not a domain that can be kt's`, { hints: ["kt setup dns --domain cluster.local"] });
  return domain;
}

function parseAddress(text: string): AskedDns["listen"] {
  const [address] = parseListen(text);
  if (address === undefined || !isLoopback(address))
    throw new KtError("usage", `"${text}" is not an address of this machine's own`, { hints: ["kt setup dns --listen 127.0.0.1:8953"] });
  return { host: address.host, port: address.port };
}
