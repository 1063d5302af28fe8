/** Every limit and timeout of kt, with its unit and its reason. */

const kib = 1024;
const mib = 1024 * kib;
const second = 1000;

export const limits = {
  /** Longest TLS ClientHello we collect before routing; real ones with post-quantum key shares and many extensions stay under 16 KiB. */
  tlsHelloBytes: 64 * kib,
  /** Longest HTTP/1 request or response head; what servers such as nginx and Go accept lies between 8 KiB and 1 MiB. */
  httpHeadBytes: 256 * kib,
  /** Longest line of a chunked body that says a chunk's size; extensions are hardly ever used, and never long. */
  httpChunkLineBytes: 4 * kib,
  /** Longest decoded HTTP/2 header list (SETTINGS_MAX_HEADER_LIST_SIZE). */
  h2HeaderListBytes: 256 * kib,
  /** Streams that one HTTP/2 connection may have open; what nginx, Go and Envoy allow lies between 100 and 250. */
  h2Streams: 250,
  /** What an HTTP/2 stream may send before its reader took any of it. With `h2Streams` this bounds what readers that stall can hold. */
  h2StreamWindowBytes: 128 * kib,
  /** What the window of a stream grows to while its reader keeps up: enough for 400 Mbit/s at a round trip of 80 ms. */
  h2StreamWindowMaxBytes: 4 * mib,
  /** By how much the windows of one connection's streams may have grown together. */
  h2WindowGrowthBytes: 32 * mib,
  /** The window of a whole HTTP/2 connection. Given back on receipt, so it holds nobody up and nothing back: streams have their own. */
  h2ConnectionWindowBytes: 16 * mib,
  /** What is kept of a request body until the response begins, so that a request that the backend refused can be sent again. */
  h2ReplayBytes: 64 * kib,
  /** Frames other than DATA that may wait for an HTTP/2 peer that does not read. */
  h2PendingBytes: 4 * mib,
  /** Settings in one SETTINGS frame: there are some ten identifiers, and nghttp2 takes as many. */
  h2SettingsPerFrame: 32,
  /** Fields of one HTTP/2 header list: a byte can name one, and each costs as much as a whole line of HTTP/1. Servers take 100 to 2000. */
  h2HeaderFields: 1000,
  /** How much of a header list past its limits is still read, for the sake of a 431; a block that holds more ends its connection. */
  h2OversizedListBytes: 1 * mib,
  /** What such a list takes from the budget of costly frames: it may cost as much as so many of them. */
  h2OversizedListCost: 50,
  /** Closed streams of one connection on which frames may still be on their way, for its other end had not finished with them. */
  h2LateStreams: 1000,
  /** How long a backend that was asked for HTTP/2 for the first time may take to greet before requests are sent to it all the same. */
  h2GreetingMs: 2 * second,
  /** Bytes of an HTTP/1 response that may wait for a client of HTTP/2 before its backend is paused: as many as a stream's first window. */
  http1HeldBytes: 128 * kib,
  /** How long a backend is taken to have no HTTP/2 once it was found so: another version of its program may have it. */
  http1BackendMs: 60 * second,
  /** Targets of which it is remembered what they speak. */
  knownBackends: 1024,
  /** How long a far end that broke the rules of HTTP/2 may take to read why, before its connection is reset. */
  h2LingerMs: 1 * second,
  /** Frames that only cost work (resets, settings, pings, empty frames): this many at once, and so many more per second. */
  h2CostlyFrames: 2000,
  h2CostlyFramesPerSecond: 1000,
  /** How long a client may take from the first byte of a TLS hello or a request head to its last; between requests it may wait. */
  peekTimeoutMs: 30 * second,
  /** Longest SPDY control frame we accept; kubelet's are under 1 KiB. */
  spdyControlFrameBytes: 64 * kib,
  /** Streams a peer may have open on one session: two for each of its connections, and no client of ours shares that widely. */
  streamsPerSession: 4096,
  /** Longest text we keep from an error stream. */
  errorTextBytes: 64 * kib,
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
  /** How long the end of a connection may wait for company: the node takes a second to act on it. */
  endDelayMs: 20,
  /** Connections on one session, those that are about to end among them: far ends such as kt's own take some thousands. */
  pairsPerSession: 500,
  /** Most ready sessions kept for the next connections while a target is in use; opening one takes some 10 ms. */
  spareSessionsPerPod: 4,
  /** How long after the latest new connection spares are opened: in the midst of a burst they would only slow it down. */
  spareDelayMs: 50,
  /** A session that could not be opened is tried once more for those who wait, where the last one could and this took no longer. */
  quickFailureMs: 1 * second,
  /** Sessions that are lost within this time are lost together. */
  lossSpanMs: 100,
  /** How long an unused session above the spare is kept. */
  sessionIdleMs: 30 * second,
  /** Most processes kept ready in a jump host for the next connections; each is a shell that waits, of half a megabyte. */
  spareProcessesPerPod: 20,
  /** How long a jump host may take to reach the target's address; a packet that nobody answers is sent again after 1, 3 and 7 s. */
  jumpConnectMs: 10 * second,
  /** How long after one side has ended the other may say nothing before a jump host's process gives up: a slow report must still come through. */
  jumpHalfClosedMs: 600 * second,
  /** How long the end of a jump host's output waits for the process to say that it failed. */
  jumpExitMs: 500,
  /** How long a jump host's process may take to end once its connection is gone, and to end when it is told to. */
  jumpLeaveMs: 500,
  jumpKillMs: 2 * second,
  /** How long a node may take to start a jump host's process that is to be ended again: a hundred at once take seconds. */
  jumpStartMs: 20 * second,
  /** Bytes that a jump host's process moves at a time; socat's own 8 KiB cost it more system calls than the copying. */
  jumpBlockBytes: 64 * kib,
  /** How long a prepared command may wait to be run: nodes give up after 30 s (StreamCreationTimeout). */
  execWaitMs: 25 * second,
  /** How often a jump pod that is starting is looked at: at first often, since most start within a second or two. */
  jumpPodLookMs: 100,
  jumpPodLookMaxMs: 1 * second,
  /** How long a jump pod may be in a state such as ErrImagePull before its reason is the answer: the next try may succeed. */
  jumpPodStuckMs: 4 * second,
  /** A jump pod that could not be had is not asked for again within this time, which doubles with each failure. */
  jumpPodRetryMs: 5 * second,
  jumpPodRetryMaxMs: 30 * second,
  /** A jump pod that failed before this age would fail again at once: its reason is the answer, not another pod. */
  jumpPodYoungMs: 15 * second,
  /** Shortest time to live of a jump pod: one that ended before it was seen to be ready would be made again and again. */
  jumpPodTtlMinMs: 5 * second,
  /** Longest time between two signs that a hub still uses a jump pod; it is taken for gone when three are missing. */
  jumpPodLeaseMs: 60 * second,
  /** A connection that the far end has not taken up after this time is looked at: the answer needs one round trip. */
  acceptMs: 2 * second,
  /** A session that answers no ping within this time is dead. */
  pingTimeoutMs: 10 * second,
  /** What a client sent before the pod's first byte is kept up to this size, to be sent again to another pod when the first refuses. */
  replayBytes: 64 * kib,
  /** A session that has been silent for this long is pinged; with the time for its answer and two beats that is under 15 s to notice a death. */
  pingIntervalMs: 2 * second,
  /**
   * The same while a reader in the pod holds up a worker of the far end: pings pile up there, and after fifty (spdystream,
   * QUEUE_SIZE) the far end stops reading altogether.
   */
  heldPingIntervalMs: 30 * second,
  /** A silence may come from a pod that does not read only after more than this was sent: less fits the buffers on the way. */
  unreadBytes: 256 * kib,
  /** Longest time for TCP connect, proxy CONNECT, TLS and upgrade together. */
  upgradeTimeoutMs: 10 * second,
  /** How long SPDY's answer may take before a WebSocket is tried, where neither is known to work. */
  upgradeAnswerMs: 1500,
  /** How long the WebSocket's may then take, before SPDY is asked again and waited for. */
  upgradeOtherAnswerMs: 4 * second,
  /** How long a fresh SPDY session may say nothing before the other way is tried: an answer needs one round trip. */
  upgradeProofMs: 1 * second,
  /** A way that let something pass is not proven again within this time. */
  upgradeProvenMs: 60 * second,
  /** How long WebSockets are asked for first where SPDY did not get through: the network or the cluster may be another by then. */
  upgradeWayMs: 600 * second,
  /** Longest time for one API request that is not a watch. */
  apiRequestTimeoutMs: 15 * second,
  /** How long `kt init` looks for what the cluster has: it writes a profile also where there is none. */
  clusterLookMs: 2 * second,
  /** How long `kt add` and `kt rm` wait for others that change the same file: each takes milliseconds, unless the disk is slow. */
  fileLockMs: 5 * second,
  /** API requests to one cluster under way at once: hundreds of services that start together must not open hundreds of connections. */
  apiRequestsAtOnce: 16,
  /** Services of one namespace that are read one by one at the same time, while fewer than that many more wait: then they are listed. */
  readsAtOnce: 8,
  readsWorthList: 16,
  /** How long a list serves others that are followed for the first time; what changes meanwhile shows in the watch that begins then. */
  readsFreshMs: 1 * second,
  /** Longest answer to one API request: a page of pods takes some 3 MiB. */
  apiAnswerBytes: 8 * mib,
  /** Objects of a list that are asked for at once. */
  apiPageItems: 250,
  /** As many of the largest fit an answer: etcd takes objects of up to 1.5 MiB. */
  apiLeastPageItems: 5,
  /** Longest list, in objects and in bytes: ten thousand pods take some 100 MiB, and clusters are not made for many more in a namespace. */
  apiListItems: 50_000,
  apiListBytes: 256 * mib,
  /** Longest event of a watch: etcd takes objects of up to 1.5 MiB. */
  watchEventBytes: 8 * mib,
  /** How long the API server is asked to keep a watch; it then ends in order and is begun again. */
  watchTimeoutMs: 240 * second,
  /** A watch that is silent for this long is begun again: API servers send a bookmark about once a minute. */
  watchSilenceMs: 90 * second,
  /** How often a list is asked for again where watching is not allowed, and pods are looked at while none behind a service is ready. */
  pollIntervalMs: 3 * second,
  /** A watch that was silent for this long is begun again when somebody has reason to doubt it. */
  watchDoubtMs: 5 * second,
  /** Addresses of one service's endpoints that name no pod, each of which is looked for among the pods: such endpoints are written by hand. */
  endpointAddresses: 16,
  /** A service is asked for again when its slices change, at most this often. */
  serviceCheckMs: 1 * second,
  /** The same while none of its pods is ready, when its slices may have nothing to tell of its change or its end. */
  serviceRecheckMs: 15 * second,
  /** How long changes to the set of followed services are collected before one new watch takes over. */
  watchRegroupMs: 250,
  /** Longest label selector of a watch; with more services than fit, a namespace's slices are all watched and sorted out here. */
  watchSelectorBytes: 2 * kib,
  /** Longest run of a credential plugin, which may have to ask a far service. */
  pluginTimeoutMs: 60 * second,
  /** Longest output of a credential plugin. */
  pluginOutputBytes: 1 * mib,
  /** How long the end of a credential plugin's output is waited for once it has ended: what it wrote is there by then. */
  pluginOutputMs: 200,
  /**
   * A credential plugin that failed, or whose credential was refused twice as soon as it was made, is not run again within this time,
   * doubling up to the other: a browser window for each try would be a plague.
   */
  pluginRetryMs: 1 * second,
  pluginRetryMaxMs: 30 * second,
  /** A credential that was refused at this age was of no use from the beginning. */
  credentialYoungMs: 60 * second,
  /** What the cluster refuses to us, and a watch that it ends at once, is not asked for again sooner, however many want it: servers lock out who asks too often. */
  refusedRetryMs: 1 * second,
  /** Longest pause between tries while the cluster refuses our credentials. */
  credentialsBackoffMaxMs: 60 * second,
  /** Largest profile, and largest file that one extends: a thousand routes take 100 KiB. */
  profileBytes: 1 * mib,
  /** Files that make up one profile, with all that they extend. */
  profileFiles: 64,
  /** How deep tables and lists of a profile may stand in each other; its schema has six levels. */
  profileDepth: 32,
  /** Tables, keys and items of a profile together: a thousand routes take as many, and a file is read while others wait for the hub. */
  profileEntries: 20_000,
  /** Shown of one thing that needs consent: more would push the others off the screen. */
  consentDetailChars: 2 * kib,
  /** Longest message or hint of an error that is shown: nobody reads more, and it is looked over for secrets. */
  errorMessageChars: 8 * kib,
  /** Largest record of a consent: a clause for each of the facts. */
  consentRecordBytes: 1 * mib,
  /** Largest kubeconfig, certificate or token file: kubeconfigs with hundreds of clusters take 1 MiB. */
  kubeconfigBytes: 8 * mib,
  /** How deep lists and mappings of a kubeconfig may be nested: its own are five deep, extensions of plugins hardly deeper. */
  yamlDepth: 64,
  /** References to anchors in one kubeconfig: they are expanded wherever it is copied, so thousands could stand for millions. */
  yamlAliases: 1000,
  /** Values of a kubeconfig with what its anchors stand for, where all are looked at: hundreds of contexts have thousands. */
  yamlValues: 100_000,
  /** How often kubeconfig is checked for changes while it is in use. */
  kubeconfigCheckMs: 2 * second,
  /** How long a new connection waits when a target has no pod on its way at all. */
  noPodAnswerMs: 1 * second,
  /** First pause between tries, doubling up to `backoffMaxMs`. */
  backoffMinMs: 100,
  backoffMaxMs: 10 * second,
  /** By what part a pause is shorter by chance, so that what failed together does not come back together. */
  backoffJitter: 0.25,
  /** Longest time that a server's Retry-After is obeyed for. */
  retryAfterMaxMs: 120 * second,
  /** A request waits for the end of what a server's Retry-After asks for up to this long; with longer to go it fails at once. */
  retryAfterPatienceMs: 2 * second,
  /** HTTP connections to one target that are opened at the same time; further requests wait for one of these or for one that is given back. */
  openingBackends: 8,
  /** How long a request that comes when as many wait already hopes for one to be given back, before one is opened for it: about as long as that takes. */
  backendPatienceMs: 25,
  /** How long a backend may leave a TLS hello without an answer before it is asked whether it speaks HTTP: servers answer in milliseconds. */
  tlsSilenceMs: 1500,
  /** How long a browser waits for a pod before it is shown a page; a bit longer than `noPodAnswerMs`, whose answer says more. */
  waitingPageMs: 1200,
  /** What is kept of a TCP client's first words until its backend answers: enough to tell protocols apart, with a whole head of HTTP. */
  firstWordsBytes: 16 * kib,
  /** How long a client of a TCP route that cannot be served may take to say what it speaks, then to read why: one that speaks first does at once. */
  tcpRefusalMs: 1 * second,
  /** How long a backend that closed on plain HTTP may take to show that it speaks TLS: its refusal waits for that. */
  tlsAskMs: 1 * second,
  /** Longest TLS handshake with a pod: one that speaks something else may wait for us for ever. */
  backendTlsMs: 10 * second,
  /** How long an idle HTTP connection to a pod is kept for the next request. */
  parkedLinkMs: 30 * second,
  /** How long a pod may have closed a connection before we hear of it: container runtimes wait for a second, and then it has a way to go. */
  lateEndMs: 1.5 * second,
  /** Connections of a backend that no request may use are kept up to this number, to see whether it closes them. */
  watchedBackends: 4,
  /** How long a connection that was given up in good order may take to end. */
  backendLeaveMs: 10 * second,
  /** A connection that went on after this many answers speaks for any number: what closes later says so with its last answer. */
  keepAliveProvenAnswers: 8,
  /** How long it is remembered what a backend does with unused connections, after its last answer. */
  keepAliveKnownMs: 600 * second,
  /** How often a request is sent at most: each time on a connection opened after the loss of the last, while nothing of an answer has come. */
  requestTries: 5,
  /** A request that must not be sent twice only reuses a connection idle for less than this: servers close idle ones after seconds. */
  parkedLinkForUnsafeMs: 1 * second,
  /** How long open connections may go on after SIGTERM. */
  drainMs: 5 * second,
  /** The hub ends this long after its last profile. */
  hubLingerMs: 2 * second,
  /** Names that nobody wrote down and that may be tried at once, as many as a namespace has services; */
  newNames: 500,
  /** so many more per second, for those that lead nowhere: more than people and their programs mistype; */
  newNamesPerSecond: 20,
  /** and so many may wait for that: the last one for 25 s, less than it may wait for a pod. */
  newNamesWaiting: 500,
  /** Tunnels of names that nobody wrote down, of which those in use are never closed: each may keep a session. */
  derivedTunnels: 512,
  /** How often the hub looks whether its lock and socket are still there. */
  placeCheckMs: 2 * second,
  /** Descriptors that no client gets, for what the hub itself needs: requests, watches, commands, its log. At most a quarter of all. */
  reservedDescriptors: 64,
  /** How long a count of the open descriptors holds. */
  descriptorLookMs: 1 * second,
  /** Refusals are over when none came for so long; then their number is told. */
  overloadQuietMs: 5 * second,
  /** How long a client that is refused may take to read why, and so many of them at once; others are cut off. */
  refusalLingerMs: 1 * second,
  lingeringRefusals: 16,
  /** Targets that only a pattern or a dynamic name leads to and that are followed at once; the least recently used one that is at rest goes. */
  guessedTunnels: 256,
  /** How long such a one is followed that has carried nothing yet, as the name of a service without pods: a person tries again sooner. */
  guessPatienceMs: 60 * second,
  /** Such targets that were not there are remembered so long, and so many of them: reloads and favicons ask again at once. */
  absentTargetMs: 3 * second,
  absentTargets: 1024,
  /** How often a name that nobody wrote down, and that leads nowhere, may be worth a list of the names that there are. */
  guessHintMs: 1 * second,
  /** Dynamic names whose connections are counted one by one. */
  countedNames: 1024,
  /** Longest name in an event: DNS allows 253 characters, clients send what they like. */
  eventNameLength: 256,
  /** Longest text of a problem in an event, which may quote what a client sent. */
  eventTextLength: 4096,
  /** Names whose route was looked up by pattern, kept so that the next request for one is a map lookup. */
  recentNames: 1024,
  /** A longer one is no name of the DNS (253 characters, a dot and a port), and not kept. */
  recentNameLength: 260,
  /** The cluster code is read this long after a profile was attached, so that `kt up` is answered first. */
  prepareDelayMs: 20,
  /** Requests kept for `kt logs -v`. */
  requestEntries: 500,
  /** Events kept for `kt logs`, and as many again of single connections. */
  journalEntries: 1000,
  /** How long `kt forward` waits for a ready pod before it listens, as long as kubectl does. */
  forwardReadyMs: 60 * second,
  /** How long a connection through `kt forward` waits for a pod that is on its way, as profiles have it by default. */
  forwardStartMs: 30 * second,
  /** `kt run` says what it waits for once it has taken this long. */
  waitNoticeMs: 1 * second,
  /** How long `kt up` waits for the hub it started: a loaded machine may take seconds. */
  hubStartMs: 10 * second,
  /** How long a hub that took the connection may take to say hello: one that was stopped never does. */
  hubGreetMs: 10 * second,
  /** The hub's log file is cut to one old generation at this size. */
  hubLogBytes: 1 * mib,
  /** How often a port that was taken is tried again. */
  portRetryMs: 2 * second,
  /** Editors write a file in several steps: a change is read this long after its last sign. */
  reloadDebounceMs: 60,
  /** How often watched files are looked at for changes that the system did not tell, as on network file systems. */
  filePollMs: 2 * second,
  /** How often the wall clock is held against the monotonic one. */
  clockCheckMs: 2 * second,
  /** A difference between the clocks that means the machine slept. */
  sleepJumpMs: 5 * second,
  /** Shortest time between two snapshots for one live view. */
  snapshotPauseMs: 100,
  /** How often a live view looks for a change. */
  snapshotCheckMs: 500,
  /** What `kt doctor` waits for, so that it ends within some 10 s whatever is broken: a name, */
  doctorLookupMs: 2 * second,
  /** an API server's first answer, */
  doctorReachMs: 3 * second,
  /** a credential plugin, which has no more time than a person has patience, */
  doctorPluginMs: 6 * second,
  /** and one question to a server or a hub that answers. */
  doctorAskMs: 2 * second,
  /** Longest file that `kt init --from` reads: a script with ten thousand lines is not one of port-forwards. */
  convertedBytes: 1024 * kib,
  /** Longest part of a hostname between two dots (RFC 1035 §2.3.4). */
  labelCharacters: 63,
  /** How long `kt doctor` and `kt explain`, which try every route, wait for a pod that is on its way, */
  routeTryMs: 3 * second,
  /** and how long for all routes together. */
  routesTryMs: 8 * second,
  /** How long a connection to a pod must last to count: a port that nothing listens on refuses it within some milliseconds. */
  routeRefusalMs: 300,
  /** Routes that are tried at once; each opens a session to the API server. */
  routesTriedAtOnce: 32,
  /** What another hub that has a port may take to say for which profile: the answer is on this machine. */
  holderAskMs: 1 * second,
  /** Lines of the hub's log that go into a bug report. */
  bundleLogLines: 300,
  /** How long a shell's completion may wait for the cluster: whoever pressed Tab sees nothing until then. */
  completionMs: 1 * second,
  /** How soon a full output is tried again where it does not say when it has room: too short to be seen, too long to cost anything. */
  fullOutputPauseMs: 10,
  /** After Ctrl-C a reader that takes no output for this long is not waited for: it was mostly interrupted, too. */
  outputLeaveMs: 1 * second,
  /** Log lines that may wait for a reader that is behind; later ones are counted. */
  logWaitingBytes: 1 * mib,
  /** Requests of one client that are taken in one turn of the event loop: a turn then takes some milliseconds at most; */
  controlLinesPerTurn: 16,
  /** and so many of them may be under way. */
  controlRequestsAtOnce: 64,
  /** Events that may wait for a reader of `kt logs -f` that is behind; later ones are counted. More than all that the hub keeps. */
  followWaitingBytes: 16 * mib,
  /** Largest message on the control socket. */
  controlMessageBytes: 4 * mib,
} as const;
