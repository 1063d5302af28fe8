/** The doors of the hub, by the names that listeners of a plan give: a new kind of listener is one row. */

import { DnsServer, type DnsServerOptions } from "#dns/server.ts";
import type { DoorContext } from "#proxy/door/context.ts";
import type { AskedNames } from "#proxy/clients/proxy-visit.ts";
import { ProxyDoor } from "#proxy/clients/proxy-door.ts";
import { FrontDoor } from "#proxy/front-door.ts";
import { TcpDoor } from "#proxy/tcp-door.ts";
import { UdpDoor } from "#proxy/udp/udp-door.ts";

interface DoorOptions {
  readonly dns: Omit<DnsServerOptions, "clock">;
  /** What a proxy of these profiles leads to. */
  readonly askedNames: (profiles: readonly string[]) => AskedNames;
}

export function doorsOf(context: DoorContext, { dns, askedNames }: DoorOptions) {
  return {
    http: new FrontDoor(context),
    tcp: new TcpDoor(context),
    udp: new UdpDoor(context),
    dns: new DnsServer({ ...dns, clock: context.clock }),
    proxy: new ProxyDoor(context, askedNames),
  };
}

export type HubDoors = ReturnType<typeof doorsOf>;
