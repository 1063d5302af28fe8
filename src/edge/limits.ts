/** The limits of a public edge, each with its unit and its reason. */

import { kib, mib, second } from "#base/units.ts";

export const edgeLimits = {
  /** Largest plan that is read: 256 bindings with long names take 100 KB. */
  planBytes: 8 * mib,
  /** How long a port that could not be opened is left alone: what holds it may end at any time. */
  listenAgainMs: 1 * second,
  /** How soon an uplink that is down and answers quickly is asked again: with the usual threshold of 2 it is back after a second. */
  quickProbeMs: 500,
  /** How often both ends of a stream of news send a sign of life. Silence of two such intervals means that the stream is lost. */
  newsLifeMs: 5 * second,
  /** Longest line of news: of 256 keys it has 5 KB. */
  newsLineBytes: 256 * kib,
  /** What waits for an uplink that reads its stream of datagrams too slowly: some 30 ms of it at 1 Gbit/s. Older ones make room. */
  waitingDatagramBytes: 4 * mib,
  /** How soon a stream of datagrams that was lost is opened again. */
  datagramsAgainMs: 500,
  /** Connections of one uplink that wait for work: it keeps as many as bursts have taken. */
  parkedConnections: 512,
  /** How long an uplink may take to say what its connection is for, once it has shown its key. */
  greetingMs: 5 * second,
  /** How long its page may take to be reached over a connection of its own making. */
  pageAnswerMs: 5 * second,
  /** Uplinks that one connection tries: a client waits for each of them. */
  uplinkTries: 3,
  /** How long a target may take where its binding sets no time: as long as the default of the resource. */
  connectMs: 5 * second,
  /** How much longer than its target may take an uplink may take to say so: the way to it and back. */
  answerMarginMs: 250,
  /** How long the peers of a connection that was idle too long may take to close, before it is cut. */
  idleFarewellMs: 1 * second,
  /** Connections to the status page at once, and how long each may take: an answer takes a millisecond. */
  statusConnections: 256,
  statusConnectionMs: 10 * second,
  /** Largest file of a certificate, with its chain and key, or of the authorities of clients. */
  certificateBytes: 1 * mib,
  /** After how long a certificate that could not be used is read again: its file may come after the plan. */
  certificateAgainMs: 500,
  /** Longest TLS hello: those of browsers with post-quantum keys take 2 KB, and 16 KB is the longest that one record holds. */
  helloBytes: 20 * kib,
  /** Connections that have yet to show their hello, or to end their handshake; with the longest hellos they hold 40 MB. */
  halfOpen: 2048,
  /** How long each may take: a handshake is two or three ways to the client and back. */
  halfOpenMs: 10 * second,
  /** Connections in all: each is two descriptors, and some 7 KB. */
  tcpConnections: 32_768,
  /** Of one source: a network behind one address, or a front that comes for many clients. */
  tcpConnectionsPerSource: 8192,
  /** Of one binding, so that a flood of one leaves room for the others. */
  tcpConnectionsPerBinding: 16_384,
  /** Sessions of UDP in all: each is a socket at its uplink, and takes 0.6 KB here. Those without an answer make room first. */
  udpSessions: 65_536,
  /** Of one binding, so that a flood of one leaves room for the others. */
  udpSessionsPerBinding: 32_768,
  /** Of one source: a network behind one address, or a resolver, which asks each question from a port of its own. */
  udpSessionsPerSource: 8192,
  /** Sessions that nothing has come back for: what invented senders begin, and all that a flood of them can fill. */
  unansweredUdpSessions: 16_384,
  /** New sessions within a second, of all clients and of one source: a flood of more would take the processor from those that are open. */
  newUdpSessions: 8000,
  newUdpSessionsPerSource: 4000,
  /** Datagrams whose second part is awaited: it follows at once, and each takes 64 KB. */
  udpFirstParts: 64,
  /** How often the machine's addresses are looked at: answers come from the one that was asked. */
  addressLookMs: 10 * second,
  /** In a hand-over: silence of this length means that all datagrams were read that the kernel had, and for so long it is waited for. */
  quietMs: 4,
  quietWaitMs: 100,
  /** Longest line between two instances: 65,536 sessions take 22 MB. */
  handOverBytes: 64 * mib,
  /** How long a successor may take until its uplinks are healthy, and how long it waits for that itself. */
  successorMs: 30 * second,
  uplinksReadyMs: 5 * second,
  readyLookMs: 20,
  /** How often a successor asks again where a predecessor hands over to another one, and after how long. */
  takeOverTries: 20,
  takeOverAgainMs: 250,
  /** And either of them for what the other says at once. */
  adoptMs: 3 * second,
  /** How long connections whose handshake began before a hand-over may take to be accepted where it began: the longest of round trips. */
  handshakeMs: 1 * second,
} as const;
