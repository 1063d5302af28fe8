/** Gives each forwarded service and pod a loopback address that it keeps: 127.[1+cluster].[27+namespace].[n]. Pure. */

import { formatIpv4, isLoopbackIpv4, parseIpv4 } from "#base/ipv4.ts";
import { hostLimits } from "./limits.ts";

/** What an address belongs to. */
export interface Owner {
  /** The first address of the first namespace of the first cluster: `[addresses] base`. */
  readonly base: string;
  /** A context. */
  readonly cluster: string;
  readonly namespace: string;
  /** `svc/db`, `pod/db-0`. */
  readonly name: string;
}

/** One address, as it is remembered from one run to the next. */
export interface Remembered extends Owner {
  readonly address: string;
  /** When the owner was last there, in milliseconds since 1970. */
  readonly seenMs: number;
}

/** Whether it cannot be given to an owner; `isLive` where that owner has it now, and the program that listens there is kt itself. */
export type IsTaken = (address: string, isLive: boolean) => boolean;

interface Entry {
  readonly owner: Owner;
  readonly address: number;
  seenMs: number;
  isLive: boolean;
}

/** The 254 addresses of a namespace that share their first three numbers; a large namespace has several. */
interface Block {
  readonly first: number;
  readonly place: string;
  readonly entries: Map<number, Entry>;
}

const lastInBlock = 254;
const blockSize = 256;
/** 127.255.255.0 begins the last block. */
const lastBlock = 0x7fffff00;

const keyOf = ({ base, cluster, namespace, name }: Owner): string => [base, cluster, namespace, name].join("\0");
const placeOf = ({ base, cluster, namespace }: Owner): string => [base, cluster, namespace].join("\0");
const clusterOf = ({ base, cluster }: Owner): string => [base, cluster].join("\0");
const blockOf = (address: number): number => address - (address % blockSize);
/** The first two numbers: every block of a cluster has them, until they are used up. */
const rangeOf = (address: number): number => address >>> 16;

export class AddressBook {
  readonly #byKey = new Map<string, Entry>();
  readonly #blocks = new Map<number, Block>();
  /** By the first two numbers, whose they are. */
  readonly #ranges = new Map<number, string>();

  /** Entries that make no sense, and those that have not been seen for long, are left out. */
  constructor(remembered: readonly Remembered[] = [], nowMs = 0) {
    for (const { address: text, seenMs, ...owner } of remembered) {
      const address = parseIpv4(text);
      if (address === undefined || !isLoopbackIpv4(address) || nowMs - seenMs > hostLimits.addressMemoryMs) continue;
      const block = this.#blocks.get(blockOf(address)) ?? this.#addBlock(blockOf(address), owner);
      if (block.place !== placeOf(owner) || block.entries.has(address) || this.#byKey.has(keyOf(owner))) continue;
      this.#put(block, { owner, address, seenMs, isLive: false });
    }
  }

  /**
   * The owner's address: the one that it had, else one that nothing had, else the one that was given up the longest ago. Undefined where
   * none is left.
   */
  claim(owner: Owner, isTaken: IsTaken): string | undefined {
    const known = this.#byKey.get(keyOf(owner));
    if (known && !isTaken(formatIpv4(known.address), known.isLive)) {
      known.isLive = true;
      return formatIpv4(known.address);
    }
    const entry = this.#choose(owner, isTaken);
    if (entry === undefined) return undefined;
    if (known) this.#drop(known);
    return formatIpv4(entry.address);
  }

  /** The owner has gone: its address is kept for it until it is needed. */
  release(owner: Owner, nowMs: number): void {
    const entry = this.#byKey.get(keyOf(owner));
    if (!entry) return;
    entry.isLive = false;
    entry.seenMs = nowMs;
  }

  remembered(nowMs: number): Remembered[] {
    return Array.from(this.#byKey.values(), ({ owner, address, seenMs, isLive }) => ({
      ...owner,
      address: formatIpv4(address),
      seenMs: isLive ? nowMs : seenMs,
    }));
  }

  #choose(owner: Owner, isTaken: IsTaken): Entry | undefined {
    const own = [...this.#blocks.values()].filter(({ place }) => place === placeOf(owner));
    for (const block of own) {
      const address = freeIn(block, firstIn(owner), isTaken);
      if (address !== undefined) return this.#put(block, { owner, address, seenMs: 0, isLive: true });
    }
    return this.#reuse(owner, own, isTaken) ?? this.#inNewBlock(owner, isTaken);
  }

  #reuse(owner: Owner, blocks: readonly Block[], isTaken: IsTaken): Entry | undefined {
    const gone = blocks.flatMap(({ entries }) => [...entries.values()].filter(({ isLive }) => !isLive));
    const [oldest] = gone.toSorted((a, b) => a.seenMs - b.seenMs).filter(({ address }) => !isTaken(formatIpv4(address), false));
    const block = oldest && this.#blocks.get(blockOf(oldest.address));
    if (!oldest || !block) return undefined;
    this.#drop(oldest);
    return this.#put(block, { owner, address: oldest.address, seenMs: 0, isLive: true });
  }

  #inNewBlock(owner: Owner, isTaken: IsTaken): Entry | undefined {
    for (let tries = 0; tries < hostLimits.addressBlocksTried; tries++) {
      const first = this.#nextBlock(owner);
      if (first === undefined) return undefined;
      const block = this.#addBlock(first, owner);
      const address = freeIn(block, firstIn(owner), isTaken);
      if (address !== undefined) return this.#put(block, { owner, address, seenMs: 0, isLive: true });
    }
    return undefined;
  }

  /** In the cluster's own range first; then in one that no cluster has. */
  #nextBlock(owner: Owner): number | undefined {
    const base = blockOf(parseIpv4(owner.base) ?? 0);
    const thirdNumber = base % (blockSize * blockSize);
    for (let range = rangeOf(base); range * blockSize * blockSize <= lastBlock; range++) {
      const holder = this.#ranges.get(range);
      if (holder !== undefined && holder !== clusterOf(owner)) continue;
      const start = range * blockSize * blockSize;
      for (let block = start + thirdNumber; block < start + blockSize * blockSize; block += blockSize)
        if (!this.#blocks.has(block)) return block;
    }
    return undefined;
  }

  #addBlock(first: number, owner: Owner): Block {
    const block: Block = { first, place: placeOf(owner), entries: new Map() };
    this.#blocks.set(first, block);
    if (!this.#ranges.has(rangeOf(first))) this.#ranges.set(rangeOf(first), clusterOf(owner));
    return block;
  }

  #put(block: Block, entry: Entry): Entry {
    block.entries.set(entry.address, entry);
    this.#byKey.set(keyOf(entry.owner), entry);
    return entry;
  }

  #drop({ owner, address }: Entry): void {
    const block = this.#blocks.get(blockOf(address));
    if (block?.entries.get(address)?.owner === owner) block.entries.delete(address);
    if (this.#byKey.get(keyOf(owner))?.address === address) this.#byKey.delete(keyOf(owner));
  }
}

/** The last number of the base; 0 is a network's own. */
function firstIn({ base }: Owner): number {
  return Math.max(1, (parseIpv4(base) ?? 1) % blockSize);
}

function freeIn({ first, entries }: Block, from: number, isTaken: IsTaken): number | undefined {
  for (let number = from; number <= lastInBlock; number++)
    if (!entries.has(first + number) && !isTaken(formatIpv4(first + number), false)) return first + number;
  return undefined;
}
