/** The upgrade to port-forwarding in each of its forms, up to the Conn that carries SPDY. */

import type { Conn } from "#base/conn.ts";
import { sha1 } from "#base/sha1.ts";
import { WsConn } from "#http/ws-conn.ts";
import { type Header, headerValue, type RequestHead } from "#wire/http-head.ts";
import { portForwardProtocols } from "#wire/portforward.ts";
import { wsAccept } from "#wire/ws-frame.ts";
import type { ServerAnswer } from "#http/server.ts";
import { jsonAnswer, statusAnswer, textAnswer } from "./resource-answers.ts";
import { badRequest } from "./status.ts";

export type UpgradeWay = "spdy" | "websocket" | "none";

export function upgradeWay(head: RequestHead): UpgradeWay {
  const wanted = head.upgrade?.toLowerCase();
  if (wanted === "websocket") return "websocket";
  return wanted === portForwardProtocols.spdy.toLowerCase() ? "spdy" : "none";
}

const listed = (value: string | undefined): string[] => (value ?? "").split(",").map((part) => part.trim());

/** `take` gets the Conn that carries SPDY. */
export function upgradeAnswer(head: RequestHead, way: UpgradeWay, take: (conn: Conn) => void): ServerAnswer {
  switch (way) {
    case "none":
      return statusAnswer(badRequest("Upgrade request required"));
    case "spdy":
      return spdyAnswer(head, take);
    case "websocket":
      return webSocketAnswer(head, take);
  }
}

function spdyAnswer(head: RequestHead, take: (conn: Conn) => void): ServerAnswer {
  const offered = listed(headerValue(head.headers, "x-stream-protocol-version"));
  if (!offered.includes(portForwardProtocols.stream)) {
    const problem = `unable to negotiate protocol: client supports [${offered.join(" ")}], server accepts [${portForwardProtocols.stream}]`;
    return textAnswer(403, `unable to upgrade: ${problem}\n`);
  }
  const headers: readonly Header[] = [
    ["Connection", "Upgrade"],
    ["Upgrade", portForwardProtocols.spdy],
    ["X-Stream-Protocol-Version", portForwardProtocols.stream],
  ];
  return { kind: "upgrade", headers, take };
}

function webSocketAnswer(head: RequestHead, take: (conn: Conn) => void): ServerAnswer {
  const key = headerValue(head.headers, "sec-websocket-key");
  if (key === undefined) return jsonAnswer(400, badRequest("websocket: no Sec-WebSocket-Key"));
  const offered = listed(headerValue(head.headers, "sec-websocket-protocol"));
  if (!offered.includes(portForwardProtocols.webSocketTunnel)) return jsonAnswer(400, badRequest("websocket: no protocol in common"));
  const headers: readonly Header[] = [
    ["Upgrade", "websocket"],
    ["Connection", "Upgrade"],
    ["Sec-WebSocket-Accept", wsAccept(key, sha1)],
    ["Sec-WebSocket-Protocol", portForwardProtocols.webSocketTunnel],
  ];
  return { kind: "upgrade", headers, take: (conn) => take(new WsConn(conn, "server")) };
}
