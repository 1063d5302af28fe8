/** The limits of the doors: requests, backends, refusals; each with its unit and its reason. */

import { kib, mib, second } from "#base/units.ts";

export const proxyLimits = {
  /** What is kept of a request body until the response begins, so that a request that the backend refused can be sent again. */
  h2ReplayBytes: 64 * kib,
  /** How long a backend that was asked for HTTP/2 for the first time may take to greet before requests are sent to it all the same. */
  h2GreetingMs: 2 * second,
  /** Bytes of an HTTP/1 response that may wait for a client of HTTP/2 before its backend is paused: as many as a stream's first window. */
  http1HeldBytes: 128 * kib,
  /** How long a client may take from the first byte of a TLS hello or a request head to its last; between requests it may wait. */
  peekTimeoutMs: 30 * second,
  /** HTTP connections to one target that are opened at the same time. Further requests wait for one of these, or for a returned one. */
  openingBackends: 8,
  /** With as many waiting, how long the next request waits for a returned connection before one is opened for it: about what that takes. */
  backendPatienceMs: 25,
  /** How long a backend may leave a TLS hello unanswered before it is asked whether it speaks HTTP: servers answer in milliseconds. */
  tlsSilenceMs: 1500,
  /** How long a browser waits for a pod before it is shown a page; a bit longer than `noPodAnswerMs`, whose answer says more. */
  waitingPageMs: 1200,
  /** What is kept of a TCP client's first words until its backend answers: enough to distinguish protocols, with a whole head of HTTP. */
  firstWordsBytes: 16 * kib,
  /** How long a client of a TCP route that is refused may take to show what it speaks, then to read why: most speak at once. */
  tcpRefusalMs: 1 * second,
  /** How long a backend that closed on plain HTTP may take to show that it speaks TLS: its refusal waits for that. */
  tlsAskMs: 1 * second,
  /** Longest TLS handshake with a pod: one that speaks something else may wait for us for ever. */
  backendTlsMs: 10 * second,
  /** How long an idle HTTP connection to a pod is kept for the next request. */
  parkedLinkMs: 30 * second,
  /** The delay between a pod closing a connection and kt noticing: container runtimes wait for a second, and the network adds to it. */
  lateEndMs: 1.5 * second,
  /** Connections of a backend that no request may use are kept up to this number, to see whether it closes them. */
  watchedBackends: 4,
  /** How long a connection that was given up in good order may take to end. */
  backendLeaveMs: 10 * second,
  /** A connection that went on after this many answers speaks for any number: what closes later says so with its last answer. */
  keepAliveProvenAnswers: 8,
  /** How long it is remembered what a backend does with unused connections, after its last answer. */
  keepAliveKnownMs: 600 * second,
  /** How often a TLS handshake with a pod is tried where its session is lost: nothing of a request has been sent by then. */
  handshakeTries: 5,
  /** A request that must not be sent twice only reuses a connection idle for less than this: servers close idle ones after seconds. */
  parkedLinkForUnsafeMs: 1 * second,
  /** How long a client that is refused may take to read why, and so many of them at once; others are cut off. */
  refusalLingerMs: 1 * second,
  lingeringRefusals: 16,
  /** How long a backend is assumed to have no HTTP/2 after it was found to have none: a new version of it may. */
  http1BackendMs: 60 * second,
  /** How long a client of UDP may be silent where its route does not say, as firewalls have it. */
  udpSessionMs: 60 * second,
  /** Clients of one UDP port at once: resolvers send each query from a port of its own. The least recently heard of makes room. */
  udpSessions: 4096,
  /** Datagrams of all clients of a UDP port that wait for their flows to be opened. */
  udpWaitingBytes: 16 * mib,
  /** A client of UDP that could not be served is not dialled for again within this time: it may send thousands a second. */
  udpRefusedMs: 1 * second,
  /** Connections from clusters at once: any client of such a service opens them, and each is a socket here. */
  reverseConnections: 4096,
  /** How long a port of this machine may take to accept one. */
  localConnectMs: 5 * second,
  /** Names whose certificate is kept: one takes 0.2 ms to make, and 24 KB. */
  leaves: 1024,
  /** Targets whose protocol is remembered. */
  knownBackends: 1024,
} as const;
