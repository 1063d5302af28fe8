/** Loads a profile: from a file's path to a Plan, or to every problem that its files have. */

import { realpath } from "node:fs/promises";
import { platform } from "node:os";
import { dirname, resolve } from "node:path";
import { systemClock } from "#base/clock.ts";
import { KtError, messageOf } from "#base/errors.ts";
import { profileLimits } from "./limits.ts";
import { type RegularFile, readRegularFile } from "#base/regular-file.ts";
import { command } from "#base/shell.ts";
import { systemCode } from "#base/system-error.ts";
import { checkLayer } from "./check.ts";
import { compile, warnings } from "./compile.ts";
import type { ConsentFact } from "#profile/consent/consent-fact.ts";
import { consentFacts } from "#profile/consent/consent.ts";
import { type ConsentQuestion, consentInput } from "#profile/consent/consent-input.ts";
import { type FindFile, type FoundFile, SourceReader } from "#profile/read/extends.ts";
import { OuterSettings } from "#profile/read/outer-settings.ts";
import { checkSections, type Layer, mergeLayers, readLayer } from "#profile/read/layer.ts";
import { profileSchema, schemaOf } from "#profile/schema/schema.ts";
import { type Sections, sections as allSections } from "#profile/sections/sections.ts";
import { expandPath } from "#profile/values/paths.ts";
import type { Plan, ProfileWarning } from "#profile/values/plan.ts";
import { ProfileError, type ProfileProblem } from "#profile/values/problems.ts";
import { isUsersOwn } from "#profile/consent/trust.ts";
import { type ReadTls, saysTls } from "./tls.ts";
import { type TunedSetting, tunedSettings } from "./tuned-settings.ts";
import type { Environment } from "#profile/values/variables.ts";

export interface LoadOptions {
  readonly file: string;
  readonly environment: Environment;
  /** What `~` stands for. */
  readonly home: string;
  /** For tests: reads a text, undefined when there is no such file. Default: the file system. */
  readonly readText?: (path: string) => Promise<string | undefined>;
  /** For tests: the system, as Node names it. Default: this one. */
  readonly system?: string;
  /** Whether kt connects to the cluster from a pod in it. Default: where the service account counts. */
  readonly isInside?: boolean;
  /** For tests: what a profile may say. Default: the sections of kt. */
  readonly sections?: Sections;
}

/** A kubeconfig or a context of the profile's own may be of any cluster, also in a pod. */
async function reachesItself(layer: Layer, directory: string, options: LoadOptions): Promise<boolean> {
  if (layer.settings.kubeconfig !== undefined || layer.settings.context !== undefined) return false;
  return options.isInside ?? (await defaultKubeconfig({ ...options, directory })).length === 0;
}

export interface LoadedPlan {
  readonly plan: Plan;
  readonly warnings: readonly ProfileWarning[];
  /** What needs consent before anything is done with the plan. */
  readonly facts: readonly ConsentFact[];
  /** Every tunable, with what holds and where it is said. */
  readonly settings: readonly TunedSetting[];
}

/** Undefined when there is no such file. Throws KtError `profile-unreadable`. */
export function readProfileFile(path: string): RegularFile | undefined {
  try {
    return readRegularFile(path, { mostBytes: profileLimits.profileBytes, code: "profile-unreadable" });
  } catch (thrown) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(thrown) ?? "")) return undefined;
    throw unreadable(path, thrown);
  }
}

/** Its text without a byte order mark. */
async function findFile(path: string): Promise<FoundFile | undefined> {
  const found = readProfileFile(path);
  if (found === undefined) return undefined;
  return { text: new TextDecoder().decode(found.bytes), uid: found.uid, realPath: await realpath(path).catch(() => path) };
}

/** A text that is not in the file system has no owner. */
function finderOf(readText: LoadOptions["readText"]): FindFile {
  if (readText === undefined) return findFile;
  return async (path) => {
    const text = await readText(path);
    return text === undefined ? undefined : { text, uid: undefined, realPath: path };
  };
}

export function unreadable(path: string, thrown: unknown): KtError {
  const reason = messageOf(thrown);
  return new KtError("profile-unreadable", `cannot read "${path}": ${reason}`, { hints: [command`ls -l ${path}`], cause: thrown });
}

export interface KubeconfigOptions extends Omit<LoadOptions, "file"> {
  /** What relative paths begin at where the environment names no working directory. */
  readonly directory: string;
}

/** $KUBECONFIG, else ~/.kube/config. In a pod without either, none: then the service account counts. */
export async function defaultKubeconfig(options: KubeconfigOptions): Promise<readonly string[]> {
  const { environment, home, readText } = options;
  const listed = (environment["KUBECONFIG"] ?? "").split(":").filter((path) => path !== "");
  const directory = environment["PWD"] ?? options.directory;
  if (listed.length > 0) return listed.map((path) => expandPath(path, directory, home));
  const usual = expandPath("~/.kube/config", directory, home);
  const inPod = environment["KUBERNETES_SERVICE_HOST"] !== undefined;
  return inPod && (await finderOf(readText)(usual)) === undefined ? [] : [usual];
}

/** A profile's name is its own: it is not taken from what it extends. */
function layerOf(reader: SourceReader, outer: OuterSettings, home: string, sections: Sections): Layer {
  const layers = reader.sources.map((source) => {
    const layer = readLayer(source, home, sections);
    return reader.own.has(source.file) ? layer : { ...layer, settings: { ...layer.settings, name: undefined } };
  });
  return mergeLayers([...layers, readLayer(outer, home, sections)], sections);
}

function inOrder(problems: readonly ProfileProblem[], files: readonly string[]): ProfileProblem[] {
  const rank = (file: string): number => (files.includes(file) ? files.indexOf(file) : files.length);
  return problems.toSorted((a, b) => rank(a.file) - rank(b.file) || a.line - b.line || a.column - b.column);
}

function refuseProblems(reader: SourceReader, directory: string, more: readonly string[] = []): void {
  const files = [...reader.files, ...more];
  const [first, ...others] = inOrder(reader.problems, files);
  if (first !== undefined) throw new ProfileError([first, ...others], files, directory);
}

interface LoadedLayer {
  readonly layer: Layer;
  /** Absolute paths that were read or looked for. */
  readonly files: readonly string[];
  readonly reader: SourceReader;
}

/** All that the profile's files say, with its places. Throws as `loadPlan` does. */
export async function loadLayer(options: LoadOptions): Promise<LoadedLayer> {
  const { environment, home, readText, sections = allSections } = options;
  const file = resolve(options.file);
  const schema = sections === allSections ? profileSchema : schemaOf(sections);
  const reader = new SourceReader({ environment, home, findFile: finderOf(readText), schema });
  if (!(await reader.readProfile(file))) {
    throw new KtError("profile-not-found", `there is no file "${options.file}"`, { hints: [command`kt init -f ${options.file}`] });
  }
  const directory = dirname(file);
  if (reader.sources.length === 0) refuseProblems(reader, directory);
  const layer = layerOf(reader, new OuterSettings(environment, reader.problems, schema), home, sections);
  checkLayer(file, layer);
  // What is missing because it was refused would only be reported once more.
  if (reader.problems.length === 0) checkSections(layer, sections, await reachesItself(layer, directory, options));
  refuseProblems(reader, directory);
  return { layer, files: [...reader.files], reader };
}

async function readTlsOf(layer: Layer): Promise<ReadTls> {
  if (!saysTls(layer)) return { routes: new Map(), files: [] };
  const { readTls } = await import("./read-tls.ts");
  return readTls(layer, systemClock.wallMs());
}

/** Throws ProfileError with every problem found, or KtError `profile-not-found` or `profile-unreadable` for the file itself. */
export async function loadPlan(options: LoadOptions): Promise<LoadedPlan> {
  const { layer, files, reader } = await loadLayer(options);
  const file = resolve(options.file);
  const usualKubeconfig = await defaultKubeconfig({ ...options, directory: dirname(file) });
  const tls = await readTlsOf(layer);
  refuseProblems(reader, dirname(file), tls.files);
  const { facts, strangers } = await examineConsent({ ...options, file, layer, reader, usualKubeconfig });
  const hasWholeNetwork = (options.system ?? platform()) === "linux";
  const plan = compile({ file, files, kubeconfig: usualKubeconfig, strangers, layer, hasWholeNetwork, tls });
  return { plan, warnings: warnings(layer), facts, settings: tunedSettings(layer) };
}

interface Examined {
  readonly facts: readonly ConsentFact[];
  readonly strangers: Plan["strangers"];
}

/** The user's own profile may do what the user may. */
async function examineConsent(question: ConsentQuestion): Promise<Examined> {
  if (isUsersOwn(question.file, question)) return { facts: [], strangers: {} };
  const input = await consentInput(question);
  const strangers = input.kubeconfigs.map(({ path, accepted, programs }) => ({ ...programs, [path]: accepted }));
  return { facts: consentFacts(input), strangers: Object.assign({}, ...strangers) as Plan["strangers"] };
}
