/** Credential plugins: runs the kubeconfig's command in the profile's environment and keeps what it gave until that expires. */

import { type Subprocess, spawn, which } from "bun";
import { concatBytes } from "#base/bytes.ts";
import { type Clock, sleep } from "#base/clock.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { kubeLimits } from "#kube/limits.ts";
import { Masker } from "#base/mask.ts";
import { baseName, command } from "#base/shell.ts";
import type { Log } from "#base/log.ts";
import { fileStamp } from "#kube/config/files.ts";
import { pauseMs } from "#base/backoff.ts";
import type { ExecConfig } from "#kube/config/context-config.ts";
import { Renewals } from "./renewals.ts";
import { refuseChanged } from "#kube/config/strangers.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface PluginCredential {
  readonly token: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Time of day in milliseconds; undefined keeps it until the cluster refuses it. */
  readonly expiresAtMs: number | undefined;
}

export interface ExecPluginOptions {
  readonly exec: ExecConfig;
  /** The kubeconfig's names, for messages. */
  readonly user: string;
  readonly context: string;
  /** What KUBERNETES_EXEC_INFO says about the cluster, for plugins that ask for it. */
  readonly clusterInfo: () => Readonly<Record<string, unknown>>;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly log: Log;
  /** Default: `kubeLimits.pluginTimeoutMs`. */
  readonly pluginTimeoutMs?: number | undefined;
}

const apiVersions = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];
/** How much of a plugin's stderr is quoted. */
const quotedChars = 2000;

export class ExecPlugin {
  readonly #options: ExecPluginOptions;
  #kept: PluginCredential | undefined;
  /** It is used while no other may be fetched: the cluster's own words say what is wrong with it. */
  #spent: PluginCredential | undefined;
  readonly #renewals = new Renewals();
  #failed: { readonly error: KtError; readonly untilMs: number; readonly times: number } | undefined;
  #running: Promise<PluginCredential> | undefined;

  constructor(options: ExecPluginOptions) {
    this.#options = options;
  }

  /** Kept, or from a run that all callers of the moment share. Rejects with KtError `credentials-failed`. */
  async get(): Promise<PluginCredential> {
    const { clock } = this.#options;
    if (this.#kept && expiresSoon(this.#kept, clock.wallMs())) this.#drop(this.#kept, kubeLimits.pluginRetryMs);
    if (this.#kept) return this.#kept;
    if (this.#spent && !this.#renewals.mayRenew(clock.now())) return this.#spent;
    if (this.#failed && clock.now() < this.#failed.untilMs) throw this.#failed.error;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return await this.#running;
  }

  /** The cluster refused it: the next `get` runs the plugin again, unless that was of no use lately. */
  forget(credential: PluginCredential): void {
    if (this.#kept === credential) this.#drop(credential, kubeLimits.credentialYoungMs);
  }

  #drop(credential: PluginCredential, youngMs: number): void {
    this.#kept = undefined;
    this.#spent = credential;
    this.#renewals.spent(this.#options.clock.now(), youngMs);
  }

  async #run(): Promise<PluginCredential> {
    const { exec, clock, log } = this.#options;
    const startedMs = clock.now();
    try {
      const output = await runPlugin(this.#options);
      this.#kept = withMargin(parseCredential(output, this.#options), clock.wallMs());
      this.#failed = undefined;
      this.#renewals.made(clock.now());
      log("debug", "plugin-ran", { command: baseName(exec.command), tookMs: Math.round(clock.now() - startedMs) });
      return this.#kept;
    } catch (error) {
      const problem = toKtError(error, "credentials-failed", `run exec plugin "${baseName(exec.command)}"`);
      const times = (this.#failed?.times ?? 0) + 1;
      const untilMs = clock.now() + pauseMs(times - 1, kubeLimits.pluginRetryMs, kubeLimits.pluginRetryMaxMs);
      this.#failed = { error: problem, untilMs, times };
      throw problem;
    }
  }
}

/** Runs again a little early, so that a token does not expire on its way: a tenth of its life, at most 10 s. */
function withMargin(credential: PluginCredential, nowMs: number): PluginCredential {
  const { expiresAtMs } = credential;
  if (expiresAtMs === undefined) return credential;
  return { ...credential, expiresAtMs: expiresAtMs - Math.min(10_000, Math.max(0, (expiresAtMs - nowMs) / 10)) };
}

function expiresSoon(credential: PluginCredential, nowMs: number): boolean {
  return credential.expiresAtMs !== undefined && nowMs >= credential.expiresAtMs;
}

/** Those that run now: their output is of no use once kt has ended. */
const running = new Set<Subprocess>();
process.on("exit", () => {
  for (const child of running) child.kill();
});

async function runPlugin(options: ExecPluginOptions): Promise<string> {
  const { exec, user, environment } = options;
  checkConfig(exec, user);
  refuseChanged(exec);
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...environment, ...exec.env })) if (value !== undefined) env[name] = value;
  env["KUBERNETES_EXEC_INFO"] = execInfo(options);
  const path = which(exec.command, { PATH: env["PATH"] ?? "" });
  if (path === null) throw notFound(exec, user, env["PATH"]);
  const folder = environment["PWD"];
  const cwd = folder !== undefined && fileStamp(folder) !== undefined ? folder : "/";
  const child = spawn({
    cmd: [path, ...exec.args],
    env,
    cwd,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    maxBuffer: kubeLimits.pluginOutputBytes,
  });
  running.add(child);
  const outputs = [child.stdout, child.stderr].map(readOutput);
  const late = Promise.withResolvers<never>();
  const timeoutMs = options.pluginTimeoutMs ?? kubeLimits.pluginTimeoutMs;
  const cancel = options.clock.after(timeoutMs, () => {
    child.kill("SIGKILL");
    late.reject(failure(options, `exec plugin "${baseName(exec.command)}" did not finish within ${timeoutMs / 1000} s`));
  });
  try {
    const exitCode = await Promise.race([child.exited, late.promise]);
    const [stdout = "", stderr = ""] = await Promise.all(outputs.map((output) => output.text(options.clock)));
    if (exitCode === 0) return stdout;
    const words = ownWords(stderr, options, env);
    throw failure(options, `exec plugin "${baseName(exec.command)}" failed with exit code ${exitCode}${words === "" ? "" : `: ${words}`}`);
  } finally {
    cancel();
    running.delete(child);
    for (const output of outputs) output.stop();
  }
}

/** `text` waits for the end, but not for long: what the plugin left running, such as a browser, may hold its outputs open. */
function readOutput(stream: ReadableStream<Uint8Array>) {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  const read = async (): Promise<void> => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) chunks.push(next.value);
  };
  const ended = read().catch(() => {});
  return {
    async text(clock: Clock): Promise<string> {
      await Promise.race([ended, sleep(clock, kubeLimits.pluginOutputMs)]);
      return new TextDecoder().decode(concatBytes(chunks));
    },
    stop: () => void reader.cancel().catch(() => {}),
  };
}

function checkConfig(exec: ExecConfig, user: string): void {
  if (!apiVersions.includes(exec.apiVersion)) {
    throw new KtError(
      "credentials-failed",
      `exec plugin of user "${user}" has apiVersion "${exec.apiVersion}"; known are ${apiVersions.join(" and ")}`,
      {
        hints: ["update the plugin and let its command write the kubeconfig again"],
      },
    );
  }
  if (exec.interactiveMode === "Always") {
    throw new KtError(
      "credentials-failed",
      `exec plugin "${baseName(exec.command)}" of user "${user}" has interactiveMode "Always": it wants a terminal, and kt runs it without one`,
      {
        hints: ["use another user or context for kt, or a login that the plugin remembers, with interactiveMode: IfAvailable"],
      },
    );
  }
}

function execInfo({ exec, clusterInfo }: ExecPluginOptions): string {
  const spec = exec.provideClusterInfo ? { interactive: false, cluster: clusterInfo() } : { interactive: false };
  return JSON.stringify({ kind: "ExecCredential", apiVersion: exec.apiVersion, spec });
}

function notFound(exec: ExecConfig, user: string, path: string | undefined): KtError {
  const where = exec.command.includes("/") ? "does not exist or may not be run" : `is not in PATH`;
  const hints = exec.installHint === undefined ? [] : [exec.installHint];
  if (!exec.command.includes("/")) hints.push(`PATH of the shell that attached the profile: ${path ?? "(not set)"}`);
  return new KtError("credentials-failed", `exec plugin "${baseName(exec.command)}" of user "${user}" ${where}`, { hints });
}

/** Without the command line, which holds secrets now and then: pages, logs and terminals show it. */
function failure({ context }: ExecPluginOptions, message: string): KtError {
  return new KtError("credentials-failed", message, { hints: [command`kubectl version --context ${context}`] });
}

/** What a plugin says about what went wrong, without the secrets that it was given. */
function ownWords(stderr: string, { exec }: ExecPluginOptions, environment: Environment): string {
  const masker = new Masker("");
  masker.learnEnvironment(environment);
  masker.learnArguments(exec.args);
  return masker.text(stderr.trim().slice(-quotedChars));
}

function parseCredential(output: string, options: ExecPluginOptions): PluginCredential {
  const { exec } = options;
  const invalid = (what: string): KtError => failure(options, `exec plugin "${baseName(exec.command)}" ${what}`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(output);
  } catch {
    // The output may hold a token: it is not quoted.
    throw invalid("printed something that is not JSON");
  }
  const { kind, apiVersion, status } = fieldsOf(parsed);
  if (kind !== "ExecCredential") throw invalid("printed something that is not an ExecCredential");
  if (apiVersion !== exec.apiVersion) throw invalid(`answered in apiVersion "${String(apiVersion)}" instead of "${exec.apiVersion}"`);
  const { token, clientCertificateData: cert, clientKeyData: key, expirationTimestamp } = textsOf(status);
  if (token === undefined && cert === undefined) throw invalid("gave neither a token nor a client certificate");
  if ((cert === undefined) !== (key === undefined)) throw invalid("gave a client certificate or a key without the other");
  const expiresAtMs = expirationTimestamp === undefined ? undefined : Date.parse(expirationTimestamp);
  return { token, cert, key, expiresAtMs: Number.isNaN(expiresAtMs) ? undefined : expiresAtMs };
}

function fieldsOf(value: unknown): { kind?: unknown; apiVersion?: unknown; status?: unknown } {
  return typeof value === "object" && value !== null ? value : {};
}

type StatusField = "token" | "clientCertificateData" | "clientKeyData" | "expirationTimestamp";

function textsOf(status: unknown): Partial<Record<StatusField, string>> {
  const entries = Object.entries(typeof status === "object" && status !== null ? status : {});
  return Object.fromEntries(entries.filter(([, value]) => typeof value === "string" && value !== ""));
}
