/** A gateway in front of the API server, in plain HTTP, that lets everything through but upgrades to SPDY, as some do. */

import { concatBytes } from "#base/bytes.ts";
import type { Conn } from "#base/conn.ts";
import { connect } from "#net/connect.ts";
import { splice } from "#net/splice.ts";
import { listenTcp } from "#net/tcp.ts";

export interface SpdyRefuser {
  readonly url: string;
  /** Upgrades that were turned away so far. */
  readonly refused: number;
  close(): void;
}

/**
 * It signs in with the token itself, for clients send none over plain HTTP. Without the server's certificate being checked: the
 * test's token is all that is at stake.
 */
export function refuseSpdy(server: string, token: string): SpdyRefuser {
  const { hostname, port } = new URL(server);
  let refused = 0;
  const pass = async (client: Conn, head: Uint8Array): Promise<void> => {
    const tls = { serverName: hostname, insecure: true };
    const far = await connect({ host: hostname, port: Number(port || 443), tls, signal: new AbortController().signal });
    client.unread(signedIn(head, token));
    splice(client, far, { add() {} }, () => {});
  };
  const accept = (client: Conn): void => {
    let head: Uint8Array = new Uint8Array(0);
    client.start({
      onData(bytes) {
        head = concatBytes([head, bytes]);
        const text = new TextDecoder().decode(head);
        if (!text.includes("\r\n\r\n")) return;
        client.pause();
        if (/^upgrade: spdy/im.test(text)) {
          refused += 1;
          client.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
          client.end();
          client.resume();
        } else void pass(client, head).catch(() => client.abort());
      },
      onEnd: () => client.end(),
      onDrain() {},
      onClose() {},
    });
  };
  const listener = listenTcp({ host: "127.0.0.1", port: 0, accept });
  return {
    url: `http://127.0.0.1:${listener.port}`,
    get refused() {
      return refused;
    },
    close: () => listener.close(),
  };
}

function signedIn(head: Uint8Array, token: string): Uint8Array {
  const text = Buffer.from(head).toString("latin1");
  return Buffer.from(text.replace("\r\n", `\r\nAuthorization: Bearer ${token}\r\n`), "latin1");
}
