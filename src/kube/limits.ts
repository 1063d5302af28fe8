/** The limits of the way to the cluster: requests, lists, watches, credentials, files, sessions; each with its unit and its reason. */

import { kib, mib, second } from "#base/units.ts";

export const kubeLimits = {
  /** Longest time for TCP connect, proxy CONNECT, TLS and upgrade together. */
  upgradeTimeoutMs: 10 * second,
  /** How long SPDY's answer may take before a WebSocket is tried as well, where neither is known to work. */
  upgradeAnswerMs: 1500,
  /** How long both together may take to agree and to show a sign of life, counted from the first request: a client waits for it. */
  upgradeAnyAnswerMs: 8 * second,
  /** How long a fresh SPDY session may say nothing before the other way is tried: an answer needs one round trip. */
  upgradeProofMs: 1 * second,
  /** A way that let something pass is not proven again within this time. */
  upgradeProvenMs: 60 * second,
  /** How long WebSockets are asked for first where SPDY did not get through: the network or the cluster may be another by then. */
  upgradeWayMs: 600 * second,
  /** How long what nothing waits for, as the end of a connection, may wait for other output: the node acts on it after a second. */
  flushDelayMs: 20,
  /** How long a connection opened ahead of an upgrade is kept: longer than finding its pod takes, shorter than any proxy's patience. */
  aheadMs: 2 * second,
  /** API requests to one cluster under way at once: hundreds of services that start together must not open hundreds of connections. */
  apiRequestsAtOnce: 16,
  /** Services of one namespace that are read one by one at the same time, while fewer than that many more wait: then they are listed. */
  readsAtOnce: 8,
  readsWorthList: 16,
  /** How long a list serves others that are followed for the first time; what changes meanwhile shows in the watch that begins then. */
  readsFreshMs: 1 * second,
  /** Objects of a list that are asked for at once, as by kubectl; services have 1 to 2 KiB each. */
  apiPageItems: 500,
  apiPageServices: 1_000,
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
  /** How often a list is asked for again where watching is not allowed. */
  pollIntervalMs: 3 * second,
  /** Where listing is not allowed either, objects are asked for by name: so many, and no more often than this for each. */
  namesPolled: 32,
  pollNameMs: 250,
  /** Where watching was refused it is tried again after this long: rights are given while kt runs. */
  watchRefusedMs: 60 * second,
  /** A watch that was silent for this long is begun again when there is reason to doubt it. */
  watchDoubtMs: 5 * second,
  /** Addresses of one service's endpoints that name no pod, each looked for among the pods: such endpoints are written by hand. */
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
  /** What the cluster refused, or ended at once, is not asked for again sooner, for however many: servers lock out who asks too often. */
  refusedRetryMs: 1 * second,
  /** Longest pause between tries while the cluster refuses our credentials. */
  credentialsBackoffMaxMs: 60 * second,
  /** How deep lists and mappings of a kubeconfig may be nested: its own are five deep, extensions of plugins hardly deeper. */
  yamlDepth: 64,
  /** References to anchors in one kubeconfig: they are expanded wherever it is copied, so thousands could stand for millions. */
  yamlAliases: 1000,
  /** Values of a kubeconfig with what its anchors stand for, where all are looked at: hundreds of contexts have thousands. */
  yamlValues: 100_000,
  /** How often kubeconfig is checked for changes while it is in use. */
  kubeconfigCheckMs: 2 * second,
  /** Longest time that a server's Retry-After is obeyed for. */
  retryAfterMaxMs: 120 * second,
  /** A request waits for the end of what a server's Retry-After asks for up to this long; with longer to go it fails at once. */
  retryAfterPatienceMs: 2 * second,
  /** Pods of one target that are shown to people, who look at no more. */
  podsShown: 100,
  /** How often a name that stands in no profile and leads nowhere may be worth a list of the names that there are. */
  guessHintMs: 1 * second,
  /** How long the cluster may take to remove what an earlier Job owned, and how often that is looked at: its collector needs seconds. */
  grantLeftMs: 20 * second,
  grantLookMs: 250,
} as const;
