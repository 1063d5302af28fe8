/** What tests of a whole edge have in common: rigs, uplinks and clients that are gone after each test. */

import type { Conn } from "#base/conn.ts";
import { type EdgeRig, edgeRig } from "./edge-rig.ts";
import { FakeUplink } from "./fake-uplink.ts";
import { RawClient } from "./raw-client.ts";

/** Sends back what it is sent, and its end. */
export function echo(conn: Conn): void {
  conn.start({ onData: (bytes) => void conn.write(bytes), onEnd: () => conn.end(), onDrain() {}, onClose() {} });
}

export class EdgeUser {
  readonly #closing: (() => unknown)[] = [];

  /** To be called after each test. */
  async leave(): Promise<void> {
    for (const close of this.#closing.splice(0).reverse()) await close();
  }

  later(close: () => unknown): void {
    this.#closing.push(close);
  }

  async rig(uplinks = 1): Promise<EdgeRig> {
    const made = await edgeRig(uplinks);
    this.later(() => made[Symbol.asyncDispose]());
    return made;
  }

  uplink(address: string, ...serves: string[]): FakeUplink {
    const made = new FakeUplink(address, serves);
    this.later(() => made.kill());
    return made;
  }

  async client({ net }: EdgeRig, port: number): Promise<RawClient> {
    const opened = await RawClient.open(port, net.public);
    this.later(() => opened.abort());
    return opened;
  }

  /** A connection whose first bytes came back. */
  async answered(rig: EdgeRig, port = 5000): Promise<RawClient> {
    const one = await this.client(rig, port);
    one.write("hello");
    await one.readUntil("hello");
    return one;
  }
}
