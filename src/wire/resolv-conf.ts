/** The name servers that /etc/resolv.conf names (resolv.conf(5)). */

/** As many as C libraries ask. */
const mostServers = 3;

const ipAddress = /^[0-9a-fA-F:]*[.:][0-9a-fA-F.:]*(%[\w.-]+)?$/;

/** IP addresses, in their order; without any it is this machine's own. */
export function parseResolvConf(text: string): readonly string[] {
  const named = [...text.matchAll(/^nameserver[ \t]+([^\s#;]+)/gm)].map(([, address = ""]) => address);
  const servers = named.filter((address) => ipAddress.test(address));
  return servers.length === 0 ? ["127.0.0.1"] : servers.slice(0, mostServers);
}
