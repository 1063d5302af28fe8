/** The addresses of this user's services: claimed for one profile at a time, and remembered on disk. */

import type { Clock } from "#base/clock.ts";
import { readAddresses, writeAddresses } from "./address-file.ts";
import { AddressBook, type Owner } from "./address-book.ts";
import { hostLimits } from "./limits.ts";

export interface AddressKeeperOptions {
  /** Of the file. */
  readonly path: string;
  readonly clock: Clock;
  /** Addresses at which some program listens now. */
  readonly listeners: () => ReadonlySet<string>;
  /** The addresses that this machine has; undefined where it has all of 127.0.0.0/8. */
  readonly own: () => ReadonlySet<string> | undefined;
  /** The file cannot be written: addresses may be others after a restart. */
  readonly onUnwritable: (error: unknown) => void;
}

/** The addresses of one user of the keeper, as a profile is. */
export interface AddressLease {
  /** The same one each time; undefined where none is left. */
  claim(owner: Owner): string | undefined;
  /** Another program came first at the owner's address: the next claim gives another one. */
  leave(owner: Owner): void;
  /** The owner has gone: its address is kept for it until it is needed. */
  release(owner: Owner): void;
  /** Releases all. */
  close(): void;
}

/** What is so of the machine's addresses. */
interface Look {
  readonly listeners: ReadonlySet<string>;
  readonly own: ReadonlySet<string> | undefined;
  readonly atMs: number;
}

const keyOf = (owner: Owner): string => JSON.stringify(owner);

export class AddressKeeper {
  readonly #options: AddressKeeperOptions;
  readonly #book: AddressBook;
  /** How many leases have claimed it. */
  readonly #claims = new Map<string, number>();
  readonly #reserved = new Set<ReadonlySet<string>>();
  #look: Look | undefined;
  #cancelWrite: (() => void) | undefined;
  /** Writes follow one another. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(options: AddressKeeperOptions, book: AddressBook) {
    this.#options = options;
    this.#book = book;
  }

  static async open(options: AddressKeeperOptions): Promise<AddressKeeper> {
    return new AddressKeeper(options, new AddressBook(await readAddresses(options.path), options.clock.wallMs()));
  }

  /** A reserved address is given to none of those that claim one. */
  lease(reserved: ReadonlySet<string>): AddressLease {
    const owners = new Map<string, Owner>();
    this.#reserved.add(reserved);
    return {
      claim: (owner) => {
        const key = keyOf(owner);
        if (!owners.has(key)) this.#claims.set(key, (this.#claims.get(key) ?? 0) + 1);
        owners.set(key, owner);
        return this.#claim(owner);
      },
      leave: (owner) => {
        this.#look = undefined;
        this.#book.release(owner, this.#options.clock.wallMs());
      },
      release: (owner) => {
        if (owners.delete(keyOf(owner))) this.#release(owner);
      },
      close: () => {
        for (const owner of owners.values()) this.#release(owner);
        owners.clear();
        this.#reserved.delete(reserved);
      },
    };
  }

  /** Writes what has not been written yet. */
  async close(): Promise<void> {
    if (this.#cancelWrite) this.#write();
    await this.#writing;
  }

  #claim(owner: Owner): string | undefined {
    this.#writeSoon();
    const { listeners, own } = this.#machine();
    return this.#book.claim(
      owner,
      (address, isLive) => this.#isReserved(address) || own?.has(address) === false || (!isLive && listeners.has(address)),
    );
  }

  #isReserved(address: string): boolean {
    for (const addresses of this.#reserved) if (addresses.has(address)) return true;
    return false;
  }

  /** Read once for claims that come together. */
  #machine(): Look {
    const { clock, listeners, own } = this.#options;
    const nowMs = clock.now();
    if (!this.#look || nowMs - this.#look.atMs >= hostLimits.listenersFreshMs)
      this.#look = { listeners: listeners(), own: own(), atMs: nowMs };
    return this.#look;
  }

  #release(owner: Owner): void {
    const key = keyOf(owner);
    const left = (this.#claims.get(key) ?? 1) - 1;
    if (left > 0) {
      this.#claims.set(key, left);
      return;
    }
    this.#claims.delete(key);
    // What was seen listening there may have been the owner's own listener, which ends now.
    this.#look = undefined;
    this.#book.release(owner, this.#options.clock.wallMs());
    this.#writeSoon();
  }

  #writeSoon(): void {
    this.#cancelWrite ??= this.#options.clock.after(hostLimits.addressWriteMs, () => this.#write());
  }

  #write(): void {
    this.#cancelWrite?.();
    this.#cancelWrite = undefined;
    const { path, clock, onUnwritable } = this.#options;
    const remembered = this.#book.remembered(clock.wallMs());
    this.#writing = this.#writing.then(() => writeAddresses(path, remembered)).catch(onUnwritable);
  }
}
