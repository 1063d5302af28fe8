/** Where an edge's uplinks were last, on its disk: after a reboot the edge calls them, which otherwise takes them two minutes. */

import type { WireGuardKey } from "#wire/wireguard-uapi.ts";
import { keep, readKept } from "#native/kept-file.ts";

export class RememberedEndpoints {
  readonly #path: string;
  #endpoints: ReadonlyMap<WireGuardKey, string>;

  private constructor(path: string, endpoints: ReadonlyMap<WireGuardKey, string>) {
    this.#path = path;
    this.#endpoints = endpoints;
  }

  /** A file that is not ours is as good as none. Throws KtError `wireguard-failed` where it cannot be read. */
  static async read(path: string): Promise<RememberedEndpoints> {
    return new RememberedEndpoints(path, parsed((await readKept(path)) ?? "{}"));
  }

  of(publicKey: WireGuardKey): string | undefined {
    return this.#endpoints.get(publicKey);
  }

  /** These are all from now on. Throws KtError `wireguard-failed`. */
  async remember(endpoints: ReadonlyMap<WireGuardKey, string>): Promise<void> {
    const isSame = endpoints.size === this.#endpoints.size && [...endpoints].every(([key, endpoint]) => this.of(key) === endpoint);
    if (isSame) return;
    await keep(this.#path, `${JSON.stringify(Object.fromEntries(endpoints), undefined, 2)}\n`, 0o600);
    this.#endpoints = endpoints;
  }
}

function parsed(text: string): ReadonlyMap<WireGuardKey, string> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return new Map();
    return new Map(Object.entries(value).filter((entry): entry is [string, string] => isEndpoint(entry[1])));
  } catch {
    return new Map();
  }
}

/** WireGuard refuses others, and with them all that is set at the same time. */
function isEndpoint(value: unknown): boolean {
  return typeof value === "string" && /^(?:[0-9.]{7,15}|\[[0-9a-f:.]{2,45}(?:%[\w.-]{1,15})?\]):[0-9]{1,5}$/.test(value);
}
