/** Whether the hostnames lead to this machine, and past the proxies that programs here are configured to use. */

import { toKtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import { chooseProxy, withoutLogin } from "#kube/way/outbound-proxy.ts";
import type { Addresses } from "./system-resolver.ts";
import type { Plan } from "#profile/values/plan.ts";
import { type Finding, Findings } from "./finding.ts";

/** Every hostname that the profile names; without any, one of those that are made up as they are asked for. */
export function namesOf({ routes, http }: Plan): readonly string[] {
  const hosts = routes.map(({ host }) => host);
  return hosts.length > 0 ? [...new Set(hosts)] : [`web.${http.suffix}`];
}

const isLoopback = (address: string): boolean => address === "::1" || address.startsWith("127.");
const isLocalhost = (name: string): boolean => name === "localhost" || name.endsWith(".localhost");
const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(", ");

export function judgeNames(found: ReadonlyMap<string, Addresses>): readonly Finding[] {
  const findings = new Findings("names");
  const names = [...found.keys()];
  const lost = names.filter((name) => (found.get(name) ?? []).length === 0);
  const astray = names.filter((name) => found.get(name)?.some((address) => !isLoopback(address)));
  const [local, other] = [lost.filter(isLocalhost), lost.filter((name) => !isLocalhost(name))];
  if (local.length > 0) {
    findings.warn(
      `this machine's resolver does not know ${quoted(local)}: curl and most browsers get there all the same, other programs do not`,
      [addToHosts(local), "for every name under .localhost at once, on Debian and Ubuntu: sudo apt-get install libnss-myhostname"],
    );
  }
  if (other.length > 0) findings.warn(`this machine's resolver does not know ${quoted(other)}`, [addToHosts(other), ...setup]);
  for (const name of astray) {
    findings.warn(`"${name}" leads to ${found.get(name)?.join(", ")} and not to this machine`, [addToHosts([name])]);
  }
  return findings.list.length > 0
    ? findings.list
    : findings.ok(`${quoted(names)} lead${names.length === 1 ? "s" : ""} to this machine`).list;
}

/** Where a user's helper can keep the names current. */
const setup = process.platform === "linux" ? ["for every name of a profile, as long as it is attached: kt setup names"] : [];

const addToHosts = (names: readonly string[]): string => command`echo ${`127.0.0.1 ${names.join(" ")}`} | sudo tee -a /etc/hosts`;

/** Programs that obey HTTP_PROXY would ask the proxy for our own names. */
export function judgeProxies(names: readonly string[], environment: Readonly<Record<string, string | undefined>>): readonly Finding[] {
  const findings = new Findings("proxies");
  try {
    const sent = names.flatMap((name) => {
      const choice = chooseProxy(new URL(`http://${name}`), undefined, environment);
      return choice === undefined ? [] : [{ name, choice }];
    });
    const [first] = sent;
    if (first === undefined) return findings.ok("no proxy stands between programs here and kt").list;
    const { choice } = first;
    const text = `${choice.from} sends ${quoted(sent.map(({ name }) => name))} to ${withoutLogin(choice.url.origin)}, which does not know them`;
    const direct = ["localhost", "127.0.0.1", "::1", ...sent.map(({ name }) => name).filter((name) => !isLocalhost(name))].join(",");
    return findings.warn(text, [command`export NO_PROXY=${direct},"$NO_PROXY" no_proxy=${direct},"$no_proxy"`]).list;
  } catch (error) {
    const { message, hints } = toKtError(error, "proxy-failed", "read the proxy variables");
    return findings.broken(message, hints).list;
  }
}
