/** What the public ports of TCP have done since they were opened: plain numbers, for the status page. */

/** Why a connection did not reach its target. */
export const tcpRefusals = [
  /** As many connections as there may be: in all, of the client's address, or of the binding. */
  "limit",
  "sourceLimit",
  "bindingLimit",
  "noUplink",
  /** Its port serves no new connections any more. */
  "closed",
  /** What should be a TLS hello is none, or too long for one. */
  "helloInvalid",
  /** The hello or the handshake was not complete in time. */
  "late",
  /** It made room for newer ones before it had shown what it wants. */
  "evicted",
  /** No binding of the port has the name that the client asks for. */
  "serverName",
  "handshake",
  /** The client has no certificate that the binding asks for. */
  "clientCertificate",
  "certificate",
  /** The client left before its target answered. */
  "left",
  /** No uplink could connect to the target. */
  "target",
] as const;
export type TcpRefusal = (typeof tcpRefusals)[number];

export class TcpCounters {
  accepted = 0;
  /** Joined with their targets. */
  opened = 0;
  open = 0;
  /** From clients to targets, and back. */
  sentBytes = 0;
  receivedBytes = 0;
  /** Ended since nothing had passed for the idle timeout. */
  idle = 0;
  readonly refused: Record<TcpRefusal, number> = Object.fromEntries(tcpRefusals.map((why) => [why, 0])) as Record<TcpRefusal, number>;
}
