/** A profile for namespaces without one: every service of them, in a file of kt's own that is made anew each time. */

import { file as openFile, write } from "bun";
import { sharedLimits } from "#base/limits.ts";
import { cliLimits } from "#cli/limits.ts";
import { KtError, messageOf } from "#base/errors.ts";
import { isGlob } from "#base/glob.ts";
import { nearest } from "#base/nearest.ts";
import { command } from "#base/shell.ts";
import { stateDirectory, surroundings } from "#control/socket-path.ts";
import { type Catalogue, catalogueOf } from "#daemon/catalogue.ts";
import { tomlKey, tomlString } from "#profile/toml/text.ts";
import { systemFacts } from "#native/system.ts";
import { isLabel } from "#route/pod-source-text.ts";
import { kubeconfigFiles } from "#cli/profile/kubeconfig-files.ts";
import { shellEnvironment } from "#cli/profile/profile-file.ts";
import type { Output } from "#cli/screen/output.ts";
import { type Proposal, proposeRoutes } from "#cli/proposals/proposals.ts";

export interface AdHocQuestion {
  /** Names and globs; none is the context's own. */
  readonly namespaces: readonly string[];
  /** Undefined is the current one. */
  readonly context: string | undefined;
  /** Given where all of the namespace is served: then it matters what it has. */
  readonly output?: Pick<Output, "warning" | "hints">;
}

/** Resolves to the file's path. Throws KtError for a kubeconfig that leads nowhere, and `file-unwritable`. */
export async function writeAdHocProfile({ namespaces, context, output }: AdHocQuestion): Promise<string> {
  const catalogue = await openCatalogue(context);
  const [namespace = catalogue.namespace, ...others] = namespaces;
  const wrong = [namespace, ...others].find((each) => !isLabel(each.replaceAll(/[*?]/g, "x")));
  if (wrong !== undefined) throw new KtError("usage", `"${wrong}" is not a valid name of a namespace`);
  if (others.length > 0 || isGlob(namespace)) return await writeForwards(catalogue.context, namespaces);
  // Services that may not be listed have their dynamic names all the same.
  const services = await catalogue.services(namespace).catch((error: unknown) => {
    if (error instanceof KtError && error.code === "forbidden") return undefined;
    throw error;
  });
  if (output && services === undefined) warnUnlisted(catalogue.context, namespace, output);
  if (output && services?.length === 0) throw await nothingToServe(catalogue, namespace);
  const text = profileText(
    catalogue.context,
    namespace,
    proposeRoutes(services ?? [], () => false, `${namespace}.localhost`),
  );
  return await writeWhereNew(pathOf(catalogue.context, namespace), text);
}

/** Several namespaces, or all that fit: each service has its address and its names, and no port of localhost is taken. */
async function writeForwards(context: string, namespaces: readonly string[]): Promise<string> {
  const name = namespaces.join(",");
  const settings = { name, context };
  const text = [...headOf(`namespaces ${name}`, settings), ...shortNameOf(context), ...forwardLines(namespaces), ""].join("\n");
  return await writeWhereNew(pathOf(context, namespaces.join("+").replaceAll(/[*?]/g, "_")), text);
}

function pathOf(context: string, folder: string): string {
  return `${stateDirectory(surroundings())}/namespaces/${labelOf(context)}/${folder.slice(0, cliLimits.folderCharacters)}/tunnels.toml`;
}

function warnUnlisted(context: string, namespace: string, output: Pick<Output, "warning" | "hints">): void {
  output.warning(`services of namespace "${namespace}" may not be listed`);
  output.hints([`each has a name all the same: http://NAME-PORT.svc.${namespace}.ns.${labelOf(context)}.cx.k8s.localhost:8989`]);
}

async function nothingToServe(catalogue: Catalogue, namespace: string): Promise<KtError> {
  const near = nearest(namespace, await catalogue.namespaces().catch(() => []));
  const isThere = near === undefined || near === namespace;
  return new KtError("service-not-found", `namespace "${namespace}" of context "${catalogue.context}" has no services`, {
    hints: [isThere ? command`kubectl get services -n ${namespace} --context ${catalogue.context}` : command`kt up -n ${near}`],
  });
}

async function openCatalogue(context: string | undefined): Promise<Catalogue> {
  const kubeconfig = await kubeconfigFiles(undefined);
  return catalogueOf({ kubeconfig, strangers: {}, environment: shellEnvironment() }, context, {
    timeoutMs: sharedLimits.apiRequestTimeoutMs,
    mayLogIn: true,
  });
}

/** What can stand in a hostname and in a path, in place of a context such as `kubernetes-admin@kubernetes`. */
function labelOf(context: string): string {
  const label = context
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(-cliLimits.labelCharacters)
    .replaceAll(/^-+|-+$/g, "");
  return label === "" ? "context" : label;
}

function profileText(context: string, namespace: string, proposals: readonly Proposal[]): string {
  const lines = (section: Proposal["section"]): readonly string[] =>
    proposals
      .filter((each) => each.section === section)
      .map(({ local, target }) => `${section === "tcp" ? local : tomlString(local)} = ${tomlString(target)}`);
  // Where 127.0.0.1 is the only loopback address, each service would need one to be set up first.
  const forwards = systemFacts().platform === "linux" ? forwardLines([namespace]) : [];
  return [
    ...headOf(`namespace ${namespace}`, { name: namespace, context, namespace }),
    ...shortNameOf(context),
    ...forwards,
    "[routes]",
    ...lines("routes"),
    "[tcp]",
    ...lines("tcp"),
    "",
  ].join("\n");
}

function headOf(what: string, settings: Readonly<Record<string, string>>): string[] {
  return [
    `# Every service of ${what}. kt up -n makes this file anew: kt init makes one that is yours.`,
    ...Object.entries(settings).map(([key, value]) => `${key} = ${tomlString(value)}`),
  ];
}

function shortNameOf(context: string): string[] {
  return isLabel(context) ? [] : ["[contexts]", `${tomlKey(labelOf(context))} = ${tomlString(context)}`];
}

function forwardLines(namespaces: readonly string[]): string[] {
  return ["[[forward]]", `namespaces = [${namespaces.map(tomlString).join(", ")}]`];
}

/** The same text is not written again: the hub would take it for a change. */
async function writeWhereNew(path: string, text: string): Promise<string> {
  const file = openFile(path);
  if ((await file.exists()) && (await file.text()) === text) return path;
  await write(path, text).catch((error: unknown) => {
    throw new KtError("file-unwritable", `write "${path}": ${messageOf(error)}`, { cause: error });
  });
  return path;
}
