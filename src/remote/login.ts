/** How kt proves to a host who it is: a private key, or a password. */

import type { Auth, ParsedKey } from "ssh2";
import { KtError } from "#base/errors.ts";
import { remoteLimits } from "./limits.ts";
import { opensshKeyHead } from "./openssh-key.ts";
import { isEncryptedPkcs8, isPkcs8, pkcs8Rounds, rewrittenPkcs8 } from "./pkcs8-key.ts";

/** As the Secret of an EdgeNode has it. */
export interface LoginSource {
  readonly privateKey?: string | undefined;
  readonly passphrase?: string | undefined;
  readonly password?: string | undefined;
}

/** A login that is ready: an encrypted key takes 1 to 2 s to decrypt, and blocks the process, so it is done once and not per connection. */
export type Login = { readonly kind: "key"; readonly key: ParsedKey } | { readonly kind: "password"; readonly password: string };

/** A private key wins over a password. Throws KtError `ssh-credentials`. */
export async function readLogin({ privateKey = "", passphrase = "", password = "" }: LoginSource): Promise<Login> {
  if (privateKey.trim() !== "") return { kind: "key", key: await readKey(privateKey, passphrase) };
  if (password !== "") return { kind: "password", password };
  throw new KtError("ssh-credentials", "there is neither a private key nor a password to sign in with", {
    hints: ['the Secret needs "privateKey" or "password": kt edge secret --help'],
  });
}

async function readKey(text: string, passphrase: string): Promise<ParsedKey> {
  if (text.length > remoteLimits.credentialBytes) throw refuse("is too long", []);
  refuseRounds(opensshKeyHead(text)?.rounds ?? 0, remoteLimits.keyRounds);
  refuseRounds(pkcs8Rounds(text), remoteLimits.pkcs8Rounds);
  const { utils } = await import("ssh2");
  const parsed = utils.parseKey(isPkcs8(text) ? await readPkcs8(text, passphrase) : text, passphrase);
  if (parsed instanceof Error) throw whyNot(text, passphrase);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key === undefined || !key.isPrivateKey()) throw refuse("is a public key", ["give the file without .pub"]);
  return key;
}

/** A damaged key may say billions, which would keep the process busy for good. */
function refuseRounds(rounds: number, most: number): void {
  if (rounds <= most) return;
  throw refuse(`takes ${rounds} rounds of hashing to decrypt, and kt allows ${most}`, [
    "if it is not damaged, ssh-keygen -p -a 16 -f KEY writes it again with fewer",
  ]);
}

/** As a key that the library reads. */
async function readPkcs8(text: string, passphrase: string): Promise<string> {
  if (isEncryptedPkcs8(text) && passphrase === "") throw refuse(...encrypted);
  const outcome = await rewrittenPkcs8(text, passphrase);
  if ("pem" in outcome) return outcome.pem;
  const again = "ssh-keygen -p -f KEY writes it again in OpenSSH's own format";
  if (outcome.fault === "encryption") throw refuse("is encrypted in a way that kt does not read", [again]);
  if (outcome.fault === "kind")
    throw refuse("is of a kind that SSH does not sign in with", ["make an Ed25519, ECDSA or RSA key by ssh-keygen"]);
  throw isEncryptedPkcs8(text) ? refuse(...undecryptable) : refuse(...damaged);
}

const whereItIs = ['the Secret has it under "passphrase"; kt edge secret reads it with --password-stdin'];
const encrypted = ["is encrypted, and there is no passphrase", whereItIs] as const;
const undecryptable = ["cannot be decrypted with this passphrase", whereItIs] as const;
const damaged = ["is damaged", ["compare it with the file that ssh-keygen wrote: line ends must be kept"]] as const;

/** The library has several words for each of them, and some are of its cipher. */
function whyNot(text: string, passphrase: string): KtError {
  if (!/^\s*(?:-----BEGIN [A-Z ]*PRIVATE KEY-----|PuTTY-User-Key-File)/.test(text))
    return refuse("is not in a format that kt reads", ["kt reads the keys of ssh-keygen, PEM, PKCS#8 and PuTTY"]);
  if (!isEncrypted(text)) return refuse(...damaged);
  return passphrase === "" ? refuse(...encrypted) : refuse(...undecryptable);
}

/** PEM and PuTTY say so in a header, OpenSSH's own format inside. */
function isEncrypted(text: string): boolean {
  if (/^(?:Proc-Type: 4,ENCRYPTED|Encryption: (?!none))/m.test(text)) return true;
  return (opensshKeyHead(text)?.cipher ?? "none") !== "none";
}

function refuse(why: string, hints: readonly string[]): KtError {
  return new KtError("ssh-credentials", `the private key ${why}`, { hints });
}

/** In the order in which they are tried. */
export function authOf(login: Login, username: string): Auth[] {
  if (login.kind === "key") return [{ type: "publickey", username, key: login.key }];
  const { password } = login;
  // Hosts that ask by PAM ask one question, whose answer is not shown, where they do not take passwords as such.
  return [
    { type: "password", username, password },
    {
      type: "keyboard-interactive",
      username,
      prompt: (_name, _instructions, _language, prompts, finish) => finish(prompts.map(({ echo }) => (echo ? "" : password))),
    },
  ];
}
