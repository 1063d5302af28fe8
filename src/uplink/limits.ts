/** The limits of an uplink, each with its unit and its reason. */

import { mib, second } from "#base/units.ts";

export const uplinkLimits = {
  /** Largest document: a ConfigMap holds 1 MiB. */
  documentBytes: 2 * mib,
  /** An edge sends its request with the connection: a peer that has not within this time is not one, or its packets are lost. */
  requestMs: 5 * second,
  /** Streams that have not said yet what they want: of a burst all are accepted before the first is read, and edges alone get so far. */
  waitingRequests: 16_384,
  /** Streams at once. Each is two descriptors and, measured over 4,000 idle ones, 7.3 KiB: together 120 MB. */
  streams: 16_384,
  /** How long a connection to a target may take where the edge sets no time. */
  connectMs: 10 * second,
  /**
   * Connections to one target that the system is making: where nothing answers it goes on for two minutes after the edge has given up, and
   * such a target would otherwise take all descriptors.
   */
  dialsPerTarget: 4096,
  /** A target that left the document is served for so long: an edge that has the former plan still asks for it. */
  retiredTargetMs: 30 * second,
  /** How often an uplink says on its stream of news that it is there, and after how long without a word from the edge the stream is over. */
  newsSignMs: 5 * second,
  newsSilenceMs: 10 * second,
  /** Streams of news at once: an edge has one, and two while it is replaced. */
  newsStreams: 8,
  /** Sessions of UDP at once. Each is a descriptor and some 5 KiB here, and a socket in the kernel. */
  sessions: 16_384,
  /** How often sessions are looked at that are over by their time. */
  sweepMs: 1 * second,
  /** First parts of large datagrams that wait for the second, of 64 KiB each. */
  firstParts: 64,
  /** What the kernel keeps of datagrams of the edge until they are read, as far as it allows. */
  datagramBufferBytes: 4 * mib,
  /** How long a peer may take to read a refusal before its stream is reset. */
  refusalMs: 2 * second,
  /** How long new streams are still accepted after the edge was sent the news that this uplink drains. */
  drainNewsMs: 1 * second,
  /** Probes of kubelet and edge at once; each connection is over after this time. */
  healthConnections: 64,
  healthConnectionMs: 30 * second,
  /** Readers of the edge's statistics at once. */
  bridgeConnections: 64,
  /** What reads them is done by then, or connects again. */
  bridgeConnectionMs: 300 * second,
  /** How long connecting to the edge's statistics may take. */
  bridgeConnectMs: 5 * second,
  /** Connections that wait at the edge for work: a burst beyond them waits for handshakes, of which one takes a millisecond. */
  fewestParked: 8,
  mostParked: 256,
  /** Of these so many are made at once. */
  parkedDials: 64,
  /** After how long without a burst fewer are kept. */
  parkedQuietMs: 60 * second,
  /** How long the edge may take to accept a connection and to know the key. */
  edgeConnectMs: 10 * second,
  /** What waits for an edge that reads its stream of datagrams too slowly. Older ones make room. */
  waitingDatagramBytes: 4 * mib,
  /** After how long something that could not be listened on, or a tunnel that could not be made, is tried again. */
  retryMs: 1 * second,
  /** How often the tunnel is looked at, and how long nothing may come through it: an edge sends signs of life each 5 s. */
  tunnelLookMs: 5 * second,
  tunnelSilenceMs: 15 * second,
} as const;
