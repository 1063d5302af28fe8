/** An edge's UDP ports on loopback addresses, with fake uplinks and a clock of the test's. */

import { silentLog } from "#base/log.ts";
import { UdpDoors } from "#edge/udp/udp-doors.ts";
import type { UdpEdgeBinding } from "#expose/host/edge-document.ts";
import { DatagramSocket } from "#net/datagram-socket.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { eventually } from "#test/support/wait.ts";
import { FakeUplink, FakeUplinks } from "./fake-uplink.ts";

export const target = "00000000000000aa";

export function binding(change: Partial<UdpEdgeBinding> = {}): UdpEdgeBinding {
  return { id: "shop/dns/udp", hash: "1", protocol: "UDP", listenPort: 0, target, sessionTimeoutMs: 60_000, proxyHeader: 0, ...change };
}

export class Client {
  readonly received: string[] = [];
  /** Where answers came from. */
  from = "";
  readonly #socket: DatagramSocket;

  constructor(host = "127.0.0.1") {
    this.#socket = new DatagramSocket({
      host,
      port: 0,
      bufferBytes: 4 << 20,
      isShared: false,
      onDatagram: (payload, port, from) => {
        this.received.push(Buffer.from(payload).toString("latin1"));
        this.from = `${from} ${port}`;
      },
    });
  }

  get port(): number {
    return this.#socket.port;
  }

  send(payload: string | Uint8Array, port: number, host = "127.0.0.1"): void {
    this.#socket.send(typeof payload === "string" ? Buffer.from(payload) : payload, port, host);
  }

  /** Resolves with the answer. */
  async ask(payload: string, port: number, host?: string): Promise<string> {
    const before = this.received.length;
    this.send(payload, port, host);
    return await eventually(`an answer to "${payload}"`, () => this.received[before], 3000, 2);
  }

  close(): void {
    this.#socket.close();
  }
}

export interface RigOptions {
  readonly uplinks?: number;
  readonly hosts?: readonly string[];
  readonly bindings?: readonly UdpEdgeBinding[];
}

export class Rig {
  readonly clock = new ManualClock();
  readonly uplinks: FakeUplinks;
  readonly doors: UdpDoors;
  changes = 0;
  readonly #clients: Client[] = [];

  constructor({ uplinks = 1, hosts = ["127.0.0.1"], bindings = [binding()] }: RigOptions = {}) {
    const first = new FakeUplink("127.77.0.2");
    const others = Array.from({ length: uplinks - 1 }, (_, index) => new FakeUplink(`127.77.0.${3 + index}`, first.port));
    this.uplinks = new FakeUplinks(first, ...others);
    this.doors = new UdpDoors({
      hosts,
      uplinks: this.uplinks,
      clock: this.clock,
      log: silentLog,
      settings: () => ({ edgeAddress: "127.77.0.1", maxSocketBufferBytes: 4 << 20 }),
      onChange: () => {
        this.changes += 1;
      },
      uplinkPort: first.port,
    });
    this.doors.lead(bindings);
  }

  /** Of the first uplink. */
  get uplink(): FakeUplink {
    return this.uplinks.all[0] as FakeUplink;
  }

  get port(): number {
    return this.doors.portOf("shop/dns/udp") ?? 0;
  }

  client(host?: string): Client {
    const client = new Client(host);
    this.#clients.push(client);
    return client;
  }

  close(): void {
    this.doors.close();
    for (const end of [...this.#clients, ...this.uplinks.all]) end.close();
  }
}
