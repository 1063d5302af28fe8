/** The tunnels of an engine before there is any: they are made with the first that is asked for, when their code has been read. */

import type { TunnelTable } from "./providers.ts";

export class LateTunnels implements TunnelTable {
  readonly #make: () => TunnelTable;
  #table: TunnelTable | undefined;

  constructor(make: () => TunnelTable) {
    this.#make = make;
  }

  dial(...asked: Parameters<TunnelTable["dial"]>): ReturnType<TunnelTable["dial"]> {
    return this.#begun().dial(...asked);
  }

  openFlow(...asked: Parameters<TunnelTable["openFlow"]>): ReturnType<TunnelTable["openFlow"]> {
    return this.#begun().openFlow(...asked);
  }

  prepare(...asked: Parameters<TunnelTable["prepare"]>): ReturnType<TunnelTable["prepare"]> {
    return this.#begun().prepare(...asked);
  }

  appProtocol(target: Parameters<TunnelTable["status"]>[0]): string | undefined {
    return this.#table?.appProtocol?.(target);
  }

  status(target: Parameters<TunnelTable["status"]>[0]): ReturnType<TunnelTable["status"]> {
    return this.#table?.status(target);
  }

  all(): ReturnType<TunnelTable["all"]> {
    return this.#table?.all() ?? [];
  }

  end(target: Parameters<TunnelTable["end"]>[0]): void {
    this.#table?.end(target);
  }

  retain(...asked: Parameters<TunnelTable["retain"]>): void {
    this.#table?.retain(...asked);
  }

  wake(): void {
    this.#table?.wake();
  }

  async close(): Promise<void> {
    await this.#table?.close();
  }

  #begun(): TunnelTable {
    this.#table ??= this.#make();
    return this.#table;
  }
}
