/** A host as kt changes it: commands as root, files that are whole or not there, and what is really on it. */

import { cut } from "#base/cut.ts";
import { KtError } from "#base/errors.ts";
import { printable } from "#base/printable.ts";
import { command } from "#base/shell.ts";
import { remoteLimits } from "./limits.ts";
import { type FileState, parseFileStates, removeScript, sha256Of, stateScript, writeScript } from "./remote-files.ts";
import type { SshAddress } from "./ssh-address.ts";
import { sshAddressText } from "./ssh-address.ts";
import { type RemoteResult, type RunOptions, SshConnection, type SshOptions } from "./ssh-connection.ts";

export interface RemoteFile {
  /** Absolute. Its folder must be there. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** As chmod writes it; secrets have 600. */
  readonly mode: "600" | "644" | "755";
  /** A path whose owner and group it gets, where that is there; default: root's. */
  readonly ownerOf?: string;
}

/** One that is too large to be held, or to travel as it is. */
export interface PackedFile extends Omit<RemoteFile, "bytes"> {
  /** Of what is unpacked, in hexadecimal. */
  readonly sha256: string;
  /** As gzip packs it. */
  readonly packed: ReadableStream<Uint8Array>;
}

export class RemoteHost {
  readonly address: SshAddress;
  readonly #connection: SshConnection;
  /** What comes before each command. */
  readonly #elevation: readonly string[];

  private constructor(address: SshAddress, connection: SshConnection, elevation: readonly string[]) {
    this.address = address;
    this.#connection = connection;
    this.#elevation = elevation;
  }

  /** Throws KtError as `SshConnection.open`, and `ssh-no-root` where the user cannot become root. */
  static async open(options: SshOptions): Promise<RemoteHost> {
    const connection = await SshConnection.open(options);
    try {
      return new RemoteHost(options.address, connection, await elevationOf(connection, options.address));
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /**
   * As root, whatever it ends with. Throws KtError `ssh-failed` as `SshConnection.run`. The host ends it by itself a little later than that
   * gives up: where packets are lost, sshd would leave it waiting for its input for hours.
   */
  async run(argv: readonly string[], options: RunOptions = {}): Promise<RemoteResult> {
    const { timeoutMs = remoteLimits.commandMs } = options;
    const hostSeconds = Math.ceil((timeoutMs + remoteLimits.hostGraceMs) / 1000);
    return await this.#connection.run([...this.#elevation, "timeout", String(hostSeconds), ...argv], options);
  }

  /** Its output. Throws KtError `ssh-failed` with the command's own words where it does not succeed. */
  async must(what: string, argv: readonly string[], options?: RunOptions): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(argv, { ...options, what });
    if (exitCode === 0) return stdout;
    throw this.#failed(what, exitCode, stderr.trim() || stdout.trim());
  }

  #failed(what: string, exitCode: number | undefined, words: string): KtError {
    const said = cut(printable(words.trim()), remoteLimits.quotedChars);
    return new KtError(
      "ssh-failed",
      `${what} on ${sshAddressText(this.address)} failed${said === "" ? ` with code ${exitCode}` : `: ${said}`}`,
    );
  }

  /** What a command writes, as root, until it or the signal ends it. Throws as `must` does. */
  async follow(what: string, argv: readonly string[], onBytes: (bytes: Uint8Array) => void, signal: AbortSignal): Promise<void> {
    const { exitCode = 0, stderr } = await this.#connection.follow([...this.#elevation, ...argv], onBytes, signal);
    if (exitCode !== 0) throw this.#failed(what, exitCode, stderr);
  }

  /**
   * Readers meet the previous file or this one, whole, also where the connection or the power goes meanwhile. `timeoutMs` is for files that
   * take long on a slow line; default: that of a command.
   */
  async writeFile({ path, bytes, mode, ownerOf = "" }: RemoteFile, options: Pick<RunOptions, "timeoutMs"> = {}): Promise<void> {
    const script = writeScript({ path, sha256: sha256Of(bytes), mode, ownerOf, isPacked: false });
    await this.must(`writing "${path}"`, script, { ...options, input: bytes });
  }

  async writePackedFile({ path, sha256, mode, packed, ownerOf = "" }: PackedFile, options: Pick<RunOptions, "timeoutMs">): Promise<void> {
    await this.must(`writing "${path}"`, writeScript({ path, sha256, mode, ownerOf, isPacked: true }), { ...options, input: packed });
  }

  async removeFile(path: string): Promise<void> {
    await this.must(`removing "${path}"`, removeScript(path));
  }

  /** What is there now, in the order of the paths: never what kt believes to have written. */
  async fileStates(paths: readonly string[]): Promise<FileState[]> {
    return parseFileStates(await this.must("reading files", stateScript(paths)), paths);
  }

  close(): void {
    this.#connection.close();
  }
}

/** Root needs none; everyone else sudo, which must not ask: nothing could answer it. */
async function elevationOf(connection: SshConnection, address: SshAddress): Promise<readonly string[]> {
  const { stdout } = await connection.run(["id", "-u"]);
  if (stdout.trim() === "0") return [];
  const sudo = ["sudo", "-n", "--"];
  const { exitCode, stderr } = await connection.run([...sudo, "true"]);
  if (exitCode === 0) return sudo;
  const { user } = address;
  const said = cut(printable(stderr.trim()), remoteLimits.quotedChars);
  throw new KtError("ssh-no-root", `"${user}" on ${sshAddressText(address)} cannot become root without being asked: ${said}`, {
    hints: [`as root on the host: ${sudoersLine(user)}`, "or let kt sign in as root"],
  });
}

/** Also for a user that sudo does not know yet. The tag for a single rule has "passwd:" in it, after which secrets are masked. */
function sudoersLine(user: string): string {
  return command`printf ${"%s\\n"} ${`${user} ALL=(root) ALL`} ${`Defaults:${user} !authenticate`} > /etc/sudoers.d/kt`;
}
