/** Asks a host for its public keys, one of each type, without signing in: nothing is proved by them until a person has compared them. */

import { KtError } from "#base/errors.ts";
import { systemReason } from "#base/system-error.ts";
import { algorithmsFor, type HostKey, hostKeyOf, hostKeyTypes } from "./host-key.ts";
import { remoteLimits } from "./limits.ts";
import { type SshAddress, sshAddressText } from "./ssh-address.ts";

/** Best first. Throws KtError `ssh-unreachable` where none could be asked for. */
export async function scanHostKeys(address: SshAddress): Promise<HostKey[]> {
  const keys: HostKey[] = [];
  let last: unknown;
  // One after the other: a host counts connections that do not sign in (sshd_config(5), MaxStartups).
  for (const type of hostKeyTypes) {
    const answer = await keyOfType(address, type);
    if (answer instanceof Error) last = answer;
    else keys.push(answer);
    // It is not there at all: four more attempts would each wait as long.
    if (answer instanceof Error && isAboutTheWay(answer)) break;
  }
  if (keys.length > 0) return keys;
  throw new KtError("ssh-unreachable", `${sshAddressText(address)} has shown no host key: ${systemReason(last)}`, {
    hints: [`is it up, and does its firewall let TCP port ${address.port} in?`],
    cause: last,
  });
}

const isAboutTheWay = (error: Error & { level?: string }): boolean => error.level !== "handshake";

/** The key, or why there is none. */
async function keyOfType({ host, port, user }: SshAddress, type: string): Promise<HostKey | Error> {
  const { Client } = await import("ssh2");
  const client = new Client();
  const { promise, resolve } = Promise.withResolvers<HostKey | Error>();
  client.on("error", resolve);
  client.on("close", () => resolve(new KtError("ssh-unreachable", "it closed the connection")));
  client.connect({
    host,
    port,
    username: user,
    readyTimeout: remoteLimits.connectMs,
    keepaliveInterval: 0,
    keepaliveCountMax: 0,
    algorithms: { serverHostKey: algorithmsFor([type]) },
    authHandler: [],
    hostVerifier(blob) {
      const key = hostKeyOf(blob);
      if (key !== undefined) resolve(key);
      return false;
    },
  });
  const answer = await promise;
  client.destroy();
  return answer;
}
