/** How an edge comes to an uplink: by dialling its address in the tunnel, or over connections that the uplink has made. */

import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { connectTcp } from "#net/tcp.ts";
import { uplinkPort } from "#wire/uplink-frame.ts";

/** Where an uplink says whether it is ready. */
const readyPort = 40500;

export interface UplinkWay {
  /** What is said where no connection has come in time. */
  readonly absence: string;
  /** Connections are the uplink's to make, so a burst waits for them; and datagrams have a stream of their own. Else they go to its address. */
  readonly isMadeByUplink: boolean;
  /** A connection on which the uplink waits for a request. Rejects with why not, or the signal's reason. */
  connect(signal: AbortSignal): Promise<Conn>;
  /** One to the uplink's own page. */
  connectPage(signal: AbortSignal): Promise<Conn>;
}

/** In a tunnel that carries packets. */
export function wayByAddress(host: string): UplinkWay {
  return {
    absence: "it does not accept connections",
    isMadeByUplink: false,
    connect: (signal) => connectTcp({ host, port: uplinkPort, signal }),
    connectPage: (signal) => connectTcp({ host, port: readyPort, signal }),
  };
}

const cannot = (): Promise<Conn> => Promise.reject(new KtError("connection-lost", "this edge has no key for the transport tls"));

/** To an uplink of a transport that this edge was not started for. */
export const noWay: UplinkWay = { absence: "it has no key", isMadeByUplink: false, connect: cannot, connectPage: cannot };
