/** The limits of tunnels: sessions, connections, jump hosts, jump pods; each with its unit and its reason. */

import { kib, mib, second } from "#base/units.ts";

export const tunnelLimits = {
  /** Bytes a stream may hold for a reader that paused on a session that others share, before the whole session pauses. */
  sharedStreamBufferBytes: 256 * kib,
  /** Sessions to one pod before connections begin to share them. Each costs the API server and kubelet a TLS connection. */
  sessionsPerPod: 64,
  /** More connections than this that wait for a session at once are a burst: browsers and the front door make up to eight. */
  burstConnections: 8,
  /** Sessions that are opened at the same time for a burst: each costs the node as much processor time as ten connections. */
  burstSessions: 2,
  /** How long it is counted how many connections come at once, while the first of their sessions is being opened. */
  burstGatherMs: 3,
  /** Connections on one session, those that are about to end among them: peers such as kt's own take some thousands. */
  streamsPerSession: 500,
  /** Most ready sessions kept for the next connections while a target is in use; opening one takes some 10 ms. */
  spareSessionsPerPod: 4,
  /** How long after the latest new connection spares are opened: during a burst they would only slow it down. */
  spareDelayMs: 50,
  /** A session that could not be opened is tried once more for those who wait, where the last one could and this took no longer. */
  quickFailureMs: 1 * second,
  /** Sessions that are lost within this time are lost together. */
  lossSpanMs: 100,
  /** How long an unused session above the spare is kept. */
  sessionIdleMs: 30 * second,
  /** Most processes kept ready in a jump host for the next connections; each is a shell that waits, of half a megabyte. */
  spareProcessesPerPod: 20,
  /** How long a jump host may take to reach the target's address; a packet that is not answered is sent again after 1, 3 and 7 s. */
  jumpConnectMs: 10 * second,
  /** After one side has ended, how long the other may be silent in a jump host's process: a slow report must still come through. */
  jumpHalfClosedMs: 600 * second,
  /** How long the end of a jump host's output waits for the process to say that it failed. */
  jumpExitMs: 500,
  /** How long a jump host's process may take to end once its connection is gone, and once it is asked to. */
  jumpLeaveMs: 500,
  jumpKillMs: 2 * second,
  /** How long a node may take to start a jump host's process that will be ended again: a hundred at once take seconds. */
  jumpStartMs: 20 * second,
  /** Bytes that a jump host's process moves at a time; socat's own 8 KiB cost it more system calls than the copying. */
  jumpBlockBytes: 64 * kib,
  /** How long a prepared command may wait to be run: nodes give up after 30 s (StreamCreationTimeout). */
  execWaitMs: 25 * second,
  /** How often a jump pod that is starting is read again: at first often, since most start within a second or two. */
  jumpPodLookMs: 100,
  jumpPodLookMaxMs: 1 * second,
  /** How long a jump pod may be in a state such as ErrImagePull before its reason is the answer: the next try may succeed. */
  jumpPodStuckMs: 4 * second,
  /** After a jump pod could not be made, it is not requested again within this time, which doubles with each failure. */
  jumpPodRetryMs: 5 * second,
  jumpPodRetryMaxMs: 30 * second,
  /** A jump pod that failed before this age would fail again at once: its reason is the answer, not another pod. */
  jumpPodYoungMs: 15 * second,
  /** Longest time between two signs that a hub still uses a jump pod; without three in a row the hub counts as gone. */
  jumpPodLeaseMs: 60 * second,
  /** Sessions with a relay while they are at rest, and while each carries more than so much in a second: then others wait behind that. */
  relaySessions: 2,
  relayBusySessions: 4,
  relayBusyBytes: 2 * mib,
  /** How often a relay hears of its user. It ends a minute after the last time. */
  relayHeartbeatMs: 15 * second,
  /** A relay that is asked for a connection and says nothing for this long is passed by; after the second it counts as gone. */
  relaySilenceMs: 700,
  relayDeadMs: 10 * second,
  /** How long a relay may take to listen and say what it is, and how often that is tried: its process starts in 10 ms. */
  relayGreetMs: 5 * second,
  relayListenMs: 50,
  /** How long a client's end waits to leave with something else: what opens the next connection saves it a message of its own. */
  relayEndMs: 2,
  /** In a pod, how long a connection to another pod may take before port-forward is tried, and one to any other address in all. */
  podConnectMs: 1 * second,
  addressConnectMs: 10 * second,
  /** What a relay cannot reach goes the other way for this long. */
  relayUnreachedMs: 60 * second,
  /** When a relay that has no pod yet is looked into, and how long a pod that does not answer may take to say why. */
  relayNoPodMs: 2 * second,
  relayExplainMs: 1 * second,
  /** How long a flow of datagrams waits for a relay that is being started. */
  relayStartMs: 30 * second,
  /** First pause before a target that has worked is tried again, which doubles, and how long that goes on: proxies of nodes lag by seconds. */
  redialMs: 100,
  redialMaxMs: 5 * second,
  /** First pause before a relay is made again, and the longest. */
  relayRetryMs: 200,
  relayRetryMaxMs: 30 * second,
  /** How long a relay is kept that no route uses: a reload may want it again. */
  relayLingerMs: 1 * second,
  /** How long a relay may take to close a session that said goodbye: a hub that ends waits for it. */
  relayLeaveMs: 1 * second,
  /** How long the removal of a relay that never ran may take. */
  relayRemoveMs: 3 * second,
  /** How often it is seen whether a service still leads to this machine; nothing tells of what others change. */
  reverseLookMs: 15 * second,
  /** First pause before a service that cannot be had is tried again, and the longest: people remove what stands in the way, or get a right. */
  reverseRetryMs: 2 * second,
  reverseRetryMaxMs: 60 * second,
  /** How often a service is written again that changed in between. */
  reverseWrites: 5,
  /** How long giving a service back may take: a hub that ends waits for it, and the relay does it as well. */
  reverseReleaseMs: 5 * second,
  /** How long the end of a data stream waits for that of its error stream. */
  errorStreamMs: 2 * second,
  /** If the peer has not accepted a connection within this time, its worker is checked: the answer needs one round trip. */
  acceptMs: 2 * second,
  /** After a client has ended its half, an answer to its last bytes may take this long to begin, and may pause this long. */
  answerPauseMs: 10 * second,
  /** If the last bytes were the pod's and no more follow within this time, the client has all it wanted and has gone. */
  satisfiedPauseMs: 5,
  /** A node reports a refused port within milliseconds; a check that hears nothing for so long has its connection. */
  healthSilenceMs: 300,
  /** A target is in use, and so checked, until this long after its last connection: some minutes of a person's work. */
  healthInUseMs: 300 * second,
  /** Checks at once: each opens a stream at the API server, and a thousand targets in use must not do so together. */
  healthChecksAtOnce: 8,
  /** How often sessions and idle times are checked. */
  tickMs: 1 * second,
  /** Connections through a jump host within this time of each other came at once: preparing a process takes some 60 ms. */
  atOnceMs: 1 * second,
  /** How long a new connection waits when a target has no pod on its way at all. */
  noPodAnswerMs: 1 * second,
  /** Targets of patterns and dynamic names that are followed at once; the least recently used one at rest goes first. */
  guessedTunnels: 256,
  /** How long such a target is followed before its first connection, as the name of a service without pods: people try again sooner. */
  guessPatienceMs: 60 * second,
  /** How long such targets are remembered that do not exist, and how many of them: reloads and favicons ask again at once. */
  absentTargetMs: 3 * second,
  absentTargets: 1024,
} as const;
