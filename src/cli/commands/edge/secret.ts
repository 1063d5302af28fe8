/** `kt edge secret`: the Secret with which an EdgeNode's host is entered, its host keys compared by a person before they are pinned. */

import { writeFileSync } from "node:fs";
import { KtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import type { CommandContext, Options } from "#cli/command.ts";
import { hostAddress, loginSource } from "#cli/edge/edge-login.ts";
import { exitCodes } from "#cli/exit.ts";
import { manifestText } from "#cli/manifests/printed-manifests.ts";
import { absolutePath } from "#cli/profile/profile-file.ts";
import type { Output } from "#cli/screen/output.ts";
import { agree, canAsk, Declined } from "#cli/screen/prompts.ts";
import { writeInOneStep } from "#native/write-in-one-step.ts";
import { fingerprintOf, type HostKey } from "#remote/host-key.ts";
import { trustOf } from "#remote/host-trust.ts";
import { knownHostsLine } from "#remote/known-hosts.ts";
import { type LoginSource, readLogin } from "#remote/login.ts";
import { RemoteHost } from "#remote/remote-host.ts";
import { scanHostKeys } from "#remote/scan-host-keys.ts";
import { type SshAddress, sshAddressText } from "#remote/ssh-address.ts";

export async function edgeSecret({ options, output }: CommandContext): Promise<number> {
  const address = hostAddress(options);
  const metadata = { name: options.text("name") ?? "edge-ssh", namespace: options.text("namespace") ?? "default" };
  const source = await loginSource(options);
  const login = await readLogin(source);
  const where = sshAddressText(address);
  const shown = await output.waitFor(`asking ${where} for its keys`, async () => await scanHostKeys(address));
  const keys = await confirmed(shown, address, options, output);
  const knownHosts = `${keys.map((key) => knownHostsLine(address.host, address.port, key)).join("\n")}\n`;
  await output.waitFor(`signing in at ${where}`, async () => {
    const host = await RemoteHost.open({ address, login, trust: trustOf(knownHosts, address) });
    host.close();
  });
  await hand({ apiVersion: "v1", kind: "Secret", metadata, type: "Opaque", data: dataOf({ ...source, knownHosts }) }, options, output);
  return exitCodes.done;
}

/** Those that were compared. A host that answers in its place has keys too: only its owner knows which are right. */
async function confirmed(keys: readonly HostKey[], address: SshAddress, options: Options, output: Output): Promise<readonly HostKey[]> {
  const where = sshAddressText(address);
  const wanted = options.texts("fingerprint");
  if (wanted.length > 0) {
    const found = keys.filter((key) => wanted.includes(fingerprintOf(key)));
    if (found.length > 0) return found;
    throw new KtError("ssh-host-key", `${where} has no key with the fingerprint ${wanted.join(" or ")}`, {
      hints: [`it has shown ${keys.map(described).join(", ")}: if they are not the host's, another one answers in its place`],
    });
  }
  for (const key of keys) output.progress(`${where} has shown ${described(key)}`);
  output.progress("on the host's own console, this prints its fingerprints: for f in /etc/ssh/ssh_host_*.pub; do ssh-keygen -lf $f; done");
  if (!canAsk())
    throw new KtError("usage", "compare a fingerprint with the host's own before it is pinned", {
      hints: [command`kt edge secret --host ${address.host} --fingerprint ${fingerprintOf(keys[0] as HostKey)}`],
    });
  if (!(await agree("Are these the host's own?"))) throw new Declined();
  return keys;
}

const described = (key: HostKey): string => `${key.type} ${fingerprintOf(key)}`;

/** The keys that an EdgeNode's secretRef refers to; only those that are there. */
function dataOf(texts: LoginSource & { readonly knownHosts: string }): Record<string, string> {
  const given = Object.entries(texts).filter((entry): entry is [string, string] => typeof entry[1] === "string" && entry[1] !== "");
  return Object.fromEntries(given.map(([key, text]) => [key, Buffer.from(text).toString("base64")]));
}

async function hand(secret: object, options: Options, output: Output): Promise<void> {
  const file = options.text("output");
  if (file === undefined) {
    if (options.flag("json")) output.json(secret);
    else output.raw(manifestText([secret]));
    return;
  }
  const path = absolutePath(file);
  const text = options.flag("json") ? `${JSON.stringify(secret, undefined, 2)}\n` : manifestText([secret]);
  await writeInOneStep(path, async (fresh) => writeFileSync(fresh, text, { mode: 0o600 }));
  output.note(`wrote ${path}, which only you can read; it holds a secret: keep it out of repositories`);
  output.advice([command`kubectl apply -f ${path}`]);
}
