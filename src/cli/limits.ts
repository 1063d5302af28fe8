/** The limits of the command line, each with its unit and its reason. */

import { kib, mib, second } from "#base/units.ts";

export const cliLimits = {
  /** Longest name of a folder that is made of namespaces: file systems take 255 bytes. */
  folderCharacters: 200,
  /** How long `kt init` looks for what the cluster has: it writes a profile also where there is none. */
  clusterLookMs: 2 * second,
  /** Shown of one thing that needs consent: more would push the others off the screen. */
  consentDetailChars: 2 * kib,
  /** How long `kt forward` waits for a ready pod before it listens, as long as kubectl does. */
  forwardReadyMs: 60 * second,
  /** `kt run` says what it waits for once it has taken this long. */
  waitNoticeMs: 1 * second,
  /** What takes longer is said to be waited for on a terminal: a sign that only flashes would disturb. */
  spinnerAfterMs: 300,
  /** How often that sign turns. */
  spinnerFrameMs: 100,
  /** How often the reason of a wait is looked up meanwhile. */
  waitLookMs: 500,
  /** Names of which the machine's resolver is asked whether it knows them: enough to tell, and no burst of questions. */
  namesAsked: 16,
  /** Longest file that `kt init --from` reads: a script with ten thousand lines is not one of port-forwards. */
  convertedBytes: 1024 * kib,
  /** How many of the latest lines `kt edge logs` reads of each pod and of the host: those of the operator are about other hosts too. */
  edgeLogLines: 1000,
  /** Longest manifest that `kt edge plan` reads: a list of all objects that a cluster may have of the two kinds. */
  manifestBytes: 64 * mib,
  /** Longest part of a hostname between two dots (RFC 1035 §2.3.4). */
  labelCharacters: 63,
  /** How long a shell's completion may wait for the cluster: the user who pressed Tab sees nothing until then. */
  completionMs: 1 * second,
  /** How soon a full output is tried again where it does not say when it has room: too short to be seen, too long to cost anything. */
  fullOutputPauseMs: 10,
  /** After Ctrl-C a reader that takes no output for this long is not waited for: it was mostly interrupted, too. */
  outputLeaveMs: 1 * second,
  /** Messages that wait for the end of a full-screen view: the latest say what came of it. */
  heldMessages: 20,
  /** Log lines that may wait for a reader that is behind; later ones are counted. */
  logWaitingBytes: 1 * mib,
  /** Events that may wait for a reader of `kt logs -f` that is behind; later ones are counted. More than all that the hub keeps. */
  followWaitingBytes: 16 * mib,
} as const;
