/** Which host of the public edge is meant, and how kt signs in there, as options of a command line have it. */

import { stdin } from "bun";
import { KtError, messageOf } from "#base/errors.ts";
import { readRegularFile } from "#base/regular-file.ts";
import { systemCode } from "#base/system-error.ts";
import { algorithmsFor, hostKeyTypes } from "#remote/host-key.ts";
import { type HostTrust, trustOf } from "#remote/host-trust.ts";
import { remoteLimits } from "#remote/limits.ts";
import type { LoginSource } from "#remote/login.ts";
import type { SshAddress } from "#remote/ssh-address.ts";
import type { Options } from "#cli/command.ts";
import { absolutePath } from "#cli/profile/profile-file.ts";
import { askSecret, canAsk } from "#cli/screen/prompts.ts";

export function hostAddress(options: Options): SshAddress {
  const host = options.text("host");
  if (host === undefined) throw new KtError("usage", "--host is missing", { hints: ["kt edge secret --host 203.0.113.10"] });
  // "root@host" is what ssh takes; here a part of it would go unused.
  if (!/^[A-Za-z0-9._:-]+$/.test(host)) throw new KtError("usage", `--host "${host}" is neither a host name nor an address`);
  return { host, port: portOf(options.text("port") ?? "22"), user: options.text("user") ?? "root" };
}

function portOf(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) <= 65_535) return Number(text);
  throw new KtError("usage", `--port "${text}" is not a valid port`);
}

/** Secrets are not taken from the command line, which other users of the machine can read. */
export async function loginSource(options: Options): Promise<LoginSource> {
  const keyFile = options.text("keyFile");
  const typed = options.flag("passwordStdin") ? await readSecret(keyFile === undefined ? "password" : "passphrase") : undefined;
  if (keyFile !== undefined) return { privateKey: readCredential(keyFile), passphrase: typed };
  if (typed !== undefined) return { password: typed };
  throw new KtError("usage", "kt needs a private key or a password to sign in with", {
    hints: ["--key-file ~/.ssh/id_ed25519", "--password-stdin reads a password from standard input"],
  });
}

/** A file that holds a key or known hosts. */
export function readCredential(path: string): string {
  try {
    return new TextDecoder().decode(readRegularFile(absolutePath(path), { mostBytes: remoteLimits.credentialBytes, code: "usage" }).bytes);
  } catch (error) {
    const why = systemCode(error) === "ENOENT" ? "there is no such file" : messageOf(error);
    throw new KtError("usage", `cannot read "${path}": ${why}`);
  }
}

/** One line; programs that hand over a secret often end it as one. */
async function readSecret(what: string): Promise<string> {
  if (canAsk()) return await askSecret(`The ${what}`);
  return (await stdin.text()).replace(/\r?\n$/, "");
}

/** As the operator decides it: without known hosts only a flag of the EdgeNode has any host accepted. */
export function hostTrust({ knownHosts, isSkipped, address }: EntrySource): HostTrust {
  if (knownHosts !== undefined || !isSkipped) return trustOf(knownHosts ?? "", address);
  return { algorithms: algorithmsFor(hostKeyTypes), objection: () => undefined };
}

export interface EntrySource {
  readonly address: SshAddress;
  /** Undefined where the Secret has none. */
  readonly knownHosts: string | undefined;
  /** Without known hosts, any host is accepted. */
  readonly isSkipped: boolean;
}
