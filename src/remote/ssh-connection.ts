/** One SSH connection to a host that has proved who it is, and the commands that run over it. */

import type { Channel, Client } from "ssh2";
import { CappedBytes } from "#base/capped-bytes.ts";
import { systemClock } from "#base/clock.ts";
import { cut } from "#base/cut.ts";
import { KtError, messageOf, toKtError } from "#base/errors.ts";
import { printable } from "#base/printable.ts";
import { systemReason } from "#base/system-error.ts";
import { commandLine } from "./command-line.ts";
import { type HostKey, hostKeyOf } from "./host-key.ts";
import type { HostTrust } from "./host-trust.ts";
import { remoteLimits } from "./limits.ts";
import { authOf, type Login } from "./login.ts";
import { type SshAddress, sshAddressText } from "./ssh-address.ts";

export interface SshOptions {
  readonly address: SshAddress;
  readonly login: Login;
  readonly trust: HostTrust;
  /** Until the login has been accepted; default: `remoteLimits.connectMs`. */
  readonly connectMs?: number;
}

/** What a command came to. */
export interface RemoteResult {
  /** Undefined where a signal ended it. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** What the command reads; default: nothing. */
  readonly input?: Uint8Array | ReadableStream<Uint8Array>;
  /** Default: `remoteLimits.commandMs`. */
  readonly timeoutMs?: number;
  /** What messages call it; default: its words. */
  readonly what?: string;
}

export class SshConnection {
  readonly #client: Client;
  readonly #where: string;
  /** Rejects once, with the reason, when nothing more can come over it. */
  readonly #lost: Promise<never>;

  private constructor(client: Client, where: string, lost: Promise<never>) {
    this.#client = client;
    this.#where = where;
    this.#lost = lost;
  }

  /** Throws KtError: `ssh-unreachable`, `ssh-host-key` or `ssh-login`. */
  static async open({ address, login, trust, connectMs = remoteLimits.connectMs }: SshOptions): Promise<SshConnection> {
    const { Client } = await import("ssh2");
    const client = new Client();
    const where = sshAddressText(address);
    const seen: Seen = { refused: undefined, verified: false };
    const { promise: lost, reject } = Promise.withResolvers<never>();
    // Also where nothing runs that could be lost.
    lost.catch(() => {});
    client.on("error", (error: SshError) => reject(seen.refused ?? problemOf(error, address, seen)));
    client.on("close", () => reject(new KtError("ssh-failed", `the SSH connection to ${where} was closed`)));
    const ready = new Promise<void>((resolve) => client.once("ready", resolve));
    client.connect({
      host: address.host,
      port: address.port,
      username: address.user,
      readyTimeout: connectMs,
      keepaliveInterval: remoteLimits.keepAliveMs,
      keepaliveCountMax: remoteLimits.unansweredKeepAlives,
      algorithms: { serverHostKey: trust.algorithms },
      authHandler: authOf(login, address.user),
      hostVerifier: (blob) => verified(seen, trust, hostKeyOf(blob), where),
    });
    try {
      await Promise.race([ready, lost]);
    } catch (error) {
      client.destroy();
      throw error;
    }
    return new SshConnection(client, where, lost);
  }

  /**
   * Runs a command to its end, whatever it ends with. Throws KtError `ssh-failed` where that is not known: it took too long, or the
   * connection was lost meanwhile. It is then closed, since what runs on the host cannot be known either.
   */
  async run(
    argv: readonly string[],
    { input, timeoutMs = remoteLimits.commandMs, what = wordsOf(argv) }: RunOptions = {},
  ): Promise<RemoteResult> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const error = new KtError("ssh-failed", `${what} on ${this.#where} did not end within ${timeoutMs / 1000} s`, {
      hints: ["the host may be overloaded, or packets are lost on the way to it"],
    });
    const cancel = systemClock.after(timeoutMs, () => reject(error));
    const over = new AbortController();
    try {
      return await Promise.race([this.#exec(commandLine(argv), input, over.signal), this.#lost, late]);
    } catch (thrown) {
      this.close();
      throw toKtError(thrown, "ssh-failed", `${what} on ${this.#where}`);
    } finally {
      cancel();
      over.abort();
    }
  }

  /** Hands over what a command writes, for as long as it runs. Throws as `run` does, but waits for any time; after the signal it resolves. */
  async follow(argv: readonly string[], onBytes: (bytes: Uint8Array) => void, signal: AbortSignal): Promise<Omit<RemoteResult, "stdout">> {
    const channel = await Promise.race([this.#opened(commandLine(argv)), this.#lost]);
    channel.on("data", onBytes);
    channel.end();
    const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    if (signal.aborted) return { exitCode: undefined, stderr: "" };
    const ended = Promise.all([exitOf(channel), textOf(channel.stderr, "its errors"), endOf(channel)]);
    const [exitCode, stderr] = (await Promise.race([ended, this.#lost, aborted])) ?? [undefined, ""];
    return { exitCode, stderr };
  }

  close(): void {
    this.#client.destroy();
  }

  async #exec(line: string, input: RunOptions["input"], over: AbortSignal): Promise<RemoteResult> {
    const channel = await this.#opened(line);
    const output = Promise.all([exitOf(channel), textOf(channel, "its output"), textOf(channel.stderr, "its errors")]);
    // A command that ends before it has read all of it says why.
    await Promise.race([given(channel, input, over), output]);
    const [exitCode, stdout, stderr] = await output;
    return { exitCode, stdout, stderr };
  }

  #opened(line: string): Promise<Channel> {
    return new Promise((resolve, reject) => this.#client.exec(line, (error, opened) => (error ? reject(error) : resolve(opened))));
  }
}

/** Not its event "close": that may come when both ways have ended, before what the command ended with has arrived. */
function exitOf(channel: Channel): Promise<number | undefined> {
  return new Promise((resolve) => channel.once("exit", (code: number | null) => resolve(code ?? undefined)));
}

function endOf(channel: Channel): Promise<void> {
  return new Promise((resolve) => channel.once("end", () => resolve()));
}

/** No faster than the host takes it, and no further than until the command is over. */
async function given(channel: Channel, input: RunOptions["input"], over: AbortSignal): Promise<void> {
  if (!(input instanceof ReadableStream)) return channel.end(input ?? new Uint8Array());
  for await (const part of input) {
    // Leaving the loop closes what is read.
    if (over.aborted) return;
    if (!channel.write(part)) await drained(channel, over);
  }
  channel.end();
}

function drained(channel: Channel, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    channel.once("drain", resolve);
    over.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** All that a stream gives, up to the limit. */
function textOf(stream: Channel["stderr"], what: string): Promise<string> {
  const bytes = new CappedBytes(remoteLimits.outputBytes, what);
  return new Promise((resolve, reject) => {
    stream.on("data", (part: Uint8Array) => {
      try {
        bytes.add(part);
      } catch (error) {
        reject(error);
      }
    });
    stream.once("error", reject);
    stream.once("end", () => resolve(bytes.takeText()));
  });
}

const wordsOf = (argv: readonly string[]): string => `"${cut(printable(argv.join(" ")), 80)}"`;

/** How far a connection came. */
interface Seen {
  refused: KtError | undefined;
  verified: boolean;
}

interface SshError extends Error {
  /** In which layer it happened, as ssh2 says it. */
  readonly level?: string;
}

function verified(seen: Seen, trust: HostTrust, key: HostKey | undefined, where: string): boolean {
  seen.refused = key === undefined ? new KtError("ssh-host-key", `${where} has shown no key of a known form`) : trust.objection(key);
  seen.verified = seen.refused === undefined;
  return seen.verified;
}

function problemOf(error: SshError, { host, port, user }: SshAddress, { verified }: Seen): KtError {
  const where = sshAddressText({ host, port });
  const said = cut(printable(messageOf(error)), remoteLimits.quotedChars);
  if (error.level === "client-authentication")
    return new KtError("ssh-login", `${where} does not let "${user}" in with this key or password`, {
      hints: [`the user's ~/.ssh/authorized_keys must have the key; journalctl -u ssh on the host says why it was refused`],
      cause: error,
    });
  if (error.level === "handshake" || error.level === "protocol")
    return new KtError(verified ? "ssh-failed" : "ssh-host-key", `${where} and kt do not come to terms over SSH: ${said}`, {
      hints: ["the known hosts must have a key of a type that the host has, and the host must allow one of kt's key exchanges"],
      cause: error,
    });
  const why = error.level === "client-timeout" ? "it does not answer in time" : systemReason(error);
  return new KtError(verified ? "ssh-failed" : "ssh-unreachable", `${where} cannot be reached over SSH: ${why}`, {
    hints: [`is it up, and does its firewall let TCP port ${port} in?`],
    cause: error,
  });
}
