/** One uplink as its edge knows it: probed at intervals, listened to on its stream of news, and asked for its targets. */

import { type Clock, sleep } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { edgeLimits } from "#edge/limits.ts";
import type { EdgeDocument } from "#expose/host/edge-document.ts";
import type { UplinkNews } from "#expose/host/edge-status.ts";
import type { TargetKey } from "#wire/uplink-frame.ts";
import { Health } from "./health.ts";
import { NewsStream } from "./news-stream.ts";
import { probe } from "./probe.ts";
import { UplinkDatagrams } from "./uplink-datagrams.ts";
import { openStream, type StreamOutcome } from "./uplink-stream.ts";
import type { UplinkWay } from "./uplink-way.ts";

export type HealthSettings = EdgeDocument["health"];

export interface UplinkOptions {
  readonly ordinal: number;
  /** In the tunnel. */
  readonly address: string;
  readonly way: UplinkWay;
  readonly clock: Clock;
  readonly log: Log;
  /** As they are now. */
  readonly settings: () => HealthSettings;
  /** What it serves, or whether it is healthy, has changed. */
  readonly onChange: () => void;
  /** From it, where datagrams have a stream of their own. */
  readonly onDatagram: (payload: Uint8Array) => void;
}

export class Uplink {
  readonly ordinal: number;
  readonly address: string;
  readonly #options: UplinkOptions;
  readonly #health = new Health();
  readonly #stop = new AbortController();
  /** Ends the pause before the next probe. */
  #wake = new AbortController();
  #isOpeningNews = false;
  #stream: NewsStream | undefined;
  /** Where they do not go to its address. */
  readonly datagrams: UplinkDatagrams | undefined;
  #serves: ReadonlySet<TargetKey> = new Set();
  #isDraining = false;
  /** Of the stream of news; empty where there is one that has said something. */
  #newsProblem = "it has not said yet what it serves";
  /** As it was last reported. */
  #wasHealthy = false;

  constructor(options: UplinkOptions) {
    this.#options = options;
    this.ordinal = options.ordinal;
    this.address = options.address;
    const { way, clock, onDatagram } = options;
    if (way.isMadeByUplink) this.datagrams = new UplinkDatagrams({ way, clock, onDatagram });
    void this.#watch();
  }

  get isHealthy(): boolean {
    return this.#health.isUp && this.#newsProblem === "";
  }

  /** Empty where it is healthy. */
  get problem(): string {
    if (!this.#health.isUp) return this.#health.problem || "it is not healthy yet";
    return this.#newsProblem;
  }

  /** New connections and sessions of this target may go there. */
  serves(key: TargetKey): boolean {
    return this.isHealthy && !this.#isDraining && this.#serves.has(key);
  }

  /** Asks for a connection to a target. Never rejects. */
  async open(target: TargetKey, connectTimeoutMs: number): Promise<StreamOutcome> {
    const { timeoutMs } = this.#options.settings();
    // A healthy uplink that has to make them first is given the time, as the target is.
    const dialMs = this.#options.way.isMadeByUplink ? connectTimeoutMs : Math.min(timeoutMs, connectTimeoutMs);
    const answerMs = connectTimeoutMs + edgeLimits.answerMarginMs;
    const outcome = await openStream(
      this.#options.clock,
      this.#options.way,
      { kind: "open", target, connectTimeoutMs },
      { dialMs, answerMs },
      this.#stop.signal,
    );
    // One of many connections that is late or reset says little, and a binding's short time nothing, of an uplink that others use too: a probe tells.
    const isDoubtful = outcome.kind === "silent" || (outcome.kind === "unreachable" && outcome.isDoubtful);
    if (isDoubtful) this.#wake.abort();
    else if (outcome.kind === "unreachable") this.lost(outcome.problem);
    return outcome;
  }

  /** It leaves no doubt that it cannot be reached: it is asked again at once. */
  lost(problem: string): void {
    this.#health.lost(problem);
    this.#changed();
    this.#wake.abort();
  }

  /** It gets no more probes. Connections through it go on. */
  close(): void {
    this.#stop.abort();
    this.#wake.abort();
    this.#stream?.close();
    this.datagrams?.close();
  }

  async #watch(): Promise<void> {
    const { clock, settings, way } = this.#options;
    const { signal } = this.#stop;
    void this.#openNews();
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const { timeoutMs, intervalMs } = settings();
      const { problem, isSilent } = await probe(clock, way, timeoutMs, signal);
      if (signal.aborted) return;
      if (problem === "") this.#health.succeeded(settings());
      else this.#health.failed(problem, settings());
      if (problem === "" && !this.#stream) void this.#openNews();
      this.#changed();
      await sleep(clock, this.isHealthy || isSilent ? intervalMs : Math.min(intervalMs, edgeLimits.quickProbeMs), this.#wake.signal);
    }
  }

  async #openNews(): Promise<void> {
    if (this.#isOpeningNews || this.#stream) return;
    this.#isOpeningNews = true;
    const { clock, settings, way } = this.#options;
    const { timeoutMs } = settings();
    const times = { dialMs: timeoutMs, answerMs: timeoutMs };
    const outcome = await openStream(clock, way, { kind: "news" }, times, this.#stop.signal);
    this.#isOpeningNews = false;
    if (outcome.kind !== "opened") {
      this.#newsProblem = outcome.kind === "refused" ? `it refuses to say what it serves (${outcome.answer})` : outcome.problem;
      this.#changed();
    } else if (this.#stop.signal.aborted) outcome.conn.abort();
    else {
      this.#stream = new NewsStream(outcome.conn, clock, {
        onNews: (news) => this.#heard(news),
        onLost: (problem) => this.#newsLost(problem),
      });
    }
  }

  #heard({ serves, isDraining }: UplinkNews): void {
    this.#serves = new Set(serves);
    this.#isDraining = isDraining;
    this.#newsProblem = "";
    this.#changed();
  }

  #newsLost(problem: string): void {
    this.#stream = undefined;
    this.#serves = new Set();
    this.#newsProblem = problem;
    this.lost(problem);
  }

  #changed(): void {
    if (this.#stop.signal.aborted) return;
    const { isHealthy, problem, ordinal, address } = this;
    if (isHealthy !== this.#wasHealthy) {
      this.#wasHealthy = isHealthy;
      if (isHealthy) this.#options.log("info", "uplink-healthy", { uplink: ordinal, address });
      else this.#options.log("warn", "uplink-unhealthy", { uplink: ordinal, address, text: problem });
    }
    this.#options.onChange();
  }
}
