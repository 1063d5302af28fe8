/** The doors of the hub, by the names that listeners of a plan give: a new kind of listener is one row. */

import { DnsServer, type DnsServerOptions } from "#dns/server.ts";
import type { DoorContext } from "#proxy/door/context.ts";
import { FrontDoor } from "#proxy/front-door.ts";
import { TcpDoor } from "#proxy/tcp-door.ts";
import { UdpDoor } from "#proxy/udp/udp-door.ts";

export function doorsOf(context: DoorContext, dns: Omit<DnsServerOptions, "clock">) {
  return {
    http: new FrontDoor(context),
    tcp: new TcpDoor(context),
    udp: new UdpDoor(context),
    dns: new DnsServer({ ...dns, clock: context.clock }),
  };
}

export type HubDoors = ReturnType<typeof doorsOf>;
