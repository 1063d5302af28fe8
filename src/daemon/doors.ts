/** The doors of the hub, by the names that listeners of a plan give: a new kind of listener is one row. */

import type { DoorContext } from "#proxy/door/context.ts";
import { FrontDoor } from "#proxy/front-door.ts";
import { TcpDoor } from "#proxy/tcp-door.ts";

export function doorsOf(context: DoorContext) {
  return { http: new FrontDoor(context), tcp: new TcpDoor(context) };
}

export type HubDoors = ReturnType<typeof doorsOf>;
