/** The certificates with which an edge ends TLS: files that the operator writes, named by what they hold. */

import type { Clock } from "#base/clock.ts";
import { KtError, messageOf } from "#base/errors.ts";
import { readRegularFile } from "#base/regular-file.ts";
import { systemCode } from "#base/system-error.ts";
import { edgeLimits } from "#edge/limits.ts";
import type { EdgeTls } from "#expose/host/edge-document.ts";
import { type ServerIdentity, serverIdentity } from "#net/tls.ts";

export type EndedTls = Exclude<EdgeTls, { mode: "passthrough" }>;

interface Entry {
  readonly identity: ServerIdentity | undefined;
  readonly problem: string;
  readonly readMs: number;
}

export function isEnded(tls: EdgeTls | undefined): tls is EndedTls {
  return tls !== undefined && tls.mode !== "passthrough";
}

export class Certificates {
  readonly #folder: string;
  readonly #clock: Clock;
  /** By the names of the files: another content is another name. */
  readonly #entries = new Map<string, Entry>();

  constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
  }

  /** Undefined where `problemOf` says something. Connections that use the same one can resume each other's sessions. */
  identityOf(tls: EndedTls): ServerIdentity | undefined {
    return this.#entryOf(tls).identity;
  }

  /** Why TLS cannot be ended with it; empty where it can. */
  problemOf(tls: EndedTls): string {
    return this.#entryOf(tls).problem;
  }

  /** Forgets what no binding uses: keys that were taken away are not kept in memory either. */
  keep(used: readonly EdgeTls[]): void {
    const names = new Set(used.filter(isEnded).map(nameOf));
    for (const name of this.#entries.keys()) if (!names.has(name)) this.#entries.delete(name);
  }

  /** What could not be used is read again from time to time: the file may come after the plan. */
  #entryOf(tls: EndedTls): Entry {
    const known = this.#entries.get(nameOf(tls));
    const isFresh = known && this.#clock.now() - known.readMs < edgeLimits.certificateAgainMs;
    if (known && (known.identity || isFresh)) return known;
    const entry = this.#read(tls);
    this.#entries.set(nameOf(tls), entry);
    return entry;
  }

  #read(tls: EndedTls): Entry {
    const readMs = this.#clock.now();
    try {
      const text = this.#text(tls.certificate, "its certificate");
      const clientCa = tls.clientCa === undefined ? undefined : this.#text(tls.clientCa, "the authority of its clients");
      if (tls.mode === "mutual" && clientCa === undefined) throw new KtError("protocol", "the plan names no authority of its clients");
      const identity = serverIdentity({ cert: blocksOf(text, isCertificate), key: blocksOf(text, isKey), clientCa, requiresClient: true });
      return { identity, problem: "", readMs };
    } catch (error) {
      return { identity: undefined, problem: messageOf(error), readMs };
    }
  }

  #text(name: string, what: string): string {
    try {
      const { bytes } = readRegularFile(`${this.#folder}/${name}`, { mostBytes: edgeLimits.certificateBytes, code: "protocol" });
      return new TextDecoder().decode(bytes);
    } catch (error) {
      const why = systemCode(error) === "ENOENT" ? "is not on the host yet" : `cannot be read: ${messageOf(error)}`;
      throw new KtError("protocol", `${what} ${why}`, { cause: error });
    }
  }
}

const nameOf = ({ mode, certificate, clientCa }: EndedTls): string => `${mode} ${certificate} ${clientCa ?? ""}`;

const isCertificate = (label: string): boolean => label.endsWith("CERTIFICATE");
const isKey = (label: string): boolean => label.endsWith("PRIVATE KEY");

/** The blocks of a PEM text (RFC 7468) whose labels are wanted. */
function blocksOf(pem: string, isWanted: (label: string) => boolean): string {
  const blocks = [...pem.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[^-]+-----END \1-----/g)];
  return blocks
    .filter(([, label = ""]) => isWanted(label))
    .map(([block]) => `${block}\n`)
    .join("");
}
