/** Ports as people write them: which text is a port, and what a port says about the scheme behind it. */

import type { BackendScheme, PortRef } from "./target.ts";

const portName = /^(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** A number from 1 to 65535 or a port name (a DNS label with a letter in it, as Kubernetes asks); undefined for anything else. */
export function parsePort(text: string): PortRef | undefined {
  if (/^[1-9][0-9]{0,4}$/.test(text)) {
    const number = Number(text);
    return number <= 65535 ? number : undefined;
  }
  return portName.test(text) ? text : undefined;
}

/** Port names that end a dynamic name without doubt: protocols, which hardly ever end the name of a service. */
export const protocolWords: readonly string[] = ["http", "https", "http2", "h2", "h2c", "grpc", "grpcs", "tcp", "tls", "ws", "wss"];

/**
 * True when the last word of `my-web-WORD` can only be meant as a port: a number from 10 on, or a protocol. Below 10 the number
 * is more likely part of the name (`web-2`), and so are other words (`my-argocd-server`).
 */
export function isCertainPort(text: string): boolean {
  const port = parsePort(text);
  return typeof port === "number" ? port >= 10 : protocolWords.includes(text);
}

/** The scheme of a backend whose route names none: https for the ports 443 and 8443 and for port names that begin with https. */
export function schemeForPort(port: PortRef): BackendScheme {
  const secure = typeof port === "number" ? port === 443 || port === 8443 : /^https(-|$)/.test(port);
  return secure ? "https" : "http";
}
