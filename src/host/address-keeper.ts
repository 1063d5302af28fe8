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
  /** The file cannot be written: addresses may be others after a restart. */
  readonly onUnwritable: (error: unknown) => void;
}

/** Gives an owner its address; the same one each time. Undefined where none is left. */
export type Claim = (owner: Owner) => string | undefined;

const keyOf = (owner: Owner): string => JSON.stringify(owner);

export class AddressKeeper {
  readonly #options: AddressKeeperOptions;
  readonly #book: AddressBook;
  /** By holder. */
  readonly #owners = new Map<string, ReadonlyMap<string, Owner>>();
  readonly #reserved = new Map<string, ReadonlySet<string>>();
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

  /**
   * All claims of one holder: what it claimed before and does not claim again is given up, unless another has it too. A reserved address is
   * given to none of them.
   */
  claimAll<T>(holder: string, reserved: ReadonlySet<string>, work: (claim: Claim) => T): T {
    this.#reserved.set(holder, reserved);
    const owners = new Map<string, Owner>();
    let listeners: ReadonlySet<string> | undefined;
    let isNew = false;
    const isTaken = (address: string, isLive: boolean): boolean => {
      if (this.#isReserved(address)) return true;
      if (!isLive) listeners ??= this.#options.listeners();
      return !isLive && listeners?.has(address) === true;
    };
    const result = work((owner) => {
      const key = keyOf(owner);
      isNew ||= !this.#owners.get(holder)?.has(key);
      owners.set(key, owner);
      return this.#book.claim(owner, isTaken);
    });
    const before = this.#owners.get(holder);
    this.#owners.set(holder, owners);
    if (this.#release(before) || isNew) this.#writeSoon();
    return result;
  }

  /** The holder claims nothing any more. */
  drop(holder: string): void {
    const before = this.#owners.get(holder);
    this.#owners.delete(holder);
    this.#reserved.delete(holder);
    if (this.#release(before)) this.#writeSoon();
  }

  /** Writes what has not been written yet. */
  async close(): Promise<void> {
    if (this.#cancelWrite) this.#write();
    await this.#writing;
  }

  #isReserved(address: string): boolean {
    return [...this.#reserved.values()].some((addresses) => addresses.has(address));
  }

  #release(previous: ReadonlyMap<string, Owner> | undefined): boolean {
    let isReleased = false;
    for (const [key, owner] of previous ?? []) {
      if ([...this.#owners.values()].some((owners) => owners.has(key))) continue;
      this.#book.release(owner, this.#options.clock.wallMs());
      isReleased = true;
    }
    return isReleased;
  }

  #writeSoon(): void {
    this.#cancelWrite ??= this.#options.clock.after(hostLimits.addressWriteMs, () => this.#write());
  }

  #write(): void {
    this.#cancelWrite?.();
    this.#cancelWrite = undefined;
    const { path, clock, onUnwritable } = this.#options;
    this.#writing = this.#writing.then(() => writeAddresses(path, this.#book.remembered(clock.wallMs()))).catch(onUnwritable);
  }
}
