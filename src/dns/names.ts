/** The names that a DNS server answers for: by name, by address, and the zones around them. Pure. */

/** A declared port of a service, and where it is listened on here. */
export interface DnsPort {
  /** "" for the unnamed one. */
  readonly name: string;
  readonly localPort: number;
  /** Absent: TCP. */
  readonly transport?: "udp";
}

/** A service or a pod. */
export interface DnsEntry {
  /** Lower case, without a final dot. */
  readonly names: readonly string[];
  /** That of `names` which the cluster itself uses. */
  readonly fullName: string;
  /** Its own address, IPv4. */
  readonly address: string;
  /** What its names lead to: of a headless service its pods. */
  readonly addresses: readonly string[];
  readonly ports: readonly DnsPort[];
}

export class DnsNames {
  readonly #byName = new Map<string, DnsEntry>();
  readonly #byAddress = new Map<string, DnsEntry>();
  readonly #zones: ReadonlySet<string>;
  /** Names that others end with, as "svc.cluster.local": they are there, and have no records. */
  readonly #parents = new Set<string>();

  /** The first entry that has a name keeps it. In `zones`, names that no entry has are not there. */
  constructor(entries: readonly DnsEntry[], zones: Iterable<string>) {
    this.#zones = new Set(zones);
    for (const entry of entries) {
      if (!this.#byAddress.has(entry.address)) this.#byAddress.set(entry.address, entry);
      for (const name of entry.names) this.#add(name, entry);
    }
  }

  /** How many names there are. */
  get size(): number {
    return this.#byName.size;
  }

  get zones(): readonly string[] {
    return [...this.#zones];
  }

  find(name: string): DnsEntry | undefined {
    return this.#byName.get(name);
  }

  at(address: string): DnsEntry | undefined {
    return this.#byAddress.get(address);
  }

  isParent(name: string): boolean {
    return this.#zones.has(name) || this.#parents.has(name);
  }

  /** The innermost zone that the name is in, or is. */
  zoneOf(name: string): string | undefined {
    for (const end of endsOf(name)) if (this.#zones.has(end)) return end;
    return undefined;
  }

  #add(name: string, entry: DnsEntry): void {
    if (this.#byName.has(name)) return;
    this.#byName.set(name, entry);
    const zone = this.zoneOf(name);
    if (zone === undefined) return;
    for (const parent of endsOf(name)) {
      if (parent.length <= zone.length || this.#parents.has(parent)) return;
      if (parent !== name) this.#parents.add(parent);
    }
  }
}

/** The name, and what is left of it without its first label, its first two, and so on. */
function* endsOf(name: string): Generator<string> {
  for (let end = name; ; end = end.slice(end.indexOf(".") + 1)) {
    yield end;
    if (!end.includes(".")) return;
  }
}
