/** Converts `kubectl port-forward` lines, wherever they are: shell scripts, Makefiles, Procfiles, a package.json. */

import type { TomlInline } from "#profile/toml/text.ts";
import type { Converted, ConvertedRoute, Left } from "./converted.ts";
import { type ScriptCommand, scriptCommands } from "./script-lines.ts";

/** Options of kubectl that have a value, in the same word or in the next. */
const valued = new Set(
  "-n --namespace --context --kubeconfig --address --pod-running-timeout --as --as-group --as-uid --token --server -s --user --cluster --request-timeout --cache-dir --certificate-authority --client-certificate --client-key --tls-server-name --username --password -v --v --profile --profile-output --log-flush-frequency".split(
    " ",
  ),
);

/** Options that belong to the profile, or have no meaning for kt. */
const needless =
  /^(-n|--namespace|--context|--kubeconfig|--address|--pod-running-timeout|-v|--v|--cache-dir|--request-timeout|--profile|--profile-output|--log-flush-frequency)$/;

interface Parsed {
  readonly options: ReadonlyMap<string, string>;
  readonly words: readonly string[];
}

export function convertScript(text: string): Converted {
  const left: Left[] = [];
  const routes: ConvertedRoute[] = [];
  let first: Kubeconfig | undefined;
  for (const command of scriptCommands(text)) {
    const args = forwardArguments(command, left);
    if (args === undefined) continue;
    const parsed = parseArguments(args);
    const named = kubeconfigOf(command, parsed);
    first ??= named;
    if (named.file === first.file) routes.push(...routesOf(parsed, command.place, left));
    else
      left.push({ place: command.place, why: `it uses ${nameOf(named)}, and the profile ${nameOf(first)}: another profile can have it` });
  }
  return { settings: first?.file === undefined ? {} : { kubeconfig: first.file }, http: {}, routes, left };
}

/** A profile has one for all its routes: with another one a route would lead to another cluster. */
interface Kubeconfig {
  readonly file: string | undefined;
}

function kubeconfigOf({ words }: ScriptCommand, { options }: Parsed): Kubeconfig {
  const variable = words.find((word) => word.startsWith("KUBECONFIG="))?.slice("KUBECONFIG=".length);
  return { file: options.get("--kubeconfig") ?? variable };
}

const nameOf = ({ file }: Kubeconfig): string => (file === undefined ? "the usual kubeconfig" : `kubeconfig "${file}"`);

/** What comes after `port-forward`, and global options before it; undefined for another command. */
function forwardArguments({ words, place }: ScriptCommand, left: Left[]): readonly string[] | undefined {
  const program = words.findIndex((word) => /(^|\/)(kubectl|oc|k|kubectl\.exe)$/.test(word));
  const verb = words.indexOf("port-forward");
  if (words.some((word) => /(^|\/)kubefwd$/.test(word))) {
    left.push({ place, why: "kubefwd forwards whole namespaces: kt up -n NAMESPACE serves every service of one" });
    return undefined;
  }
  if (program < 0 || verb < program) return undefined;
  const args = [...words.slice(program + 1, verb), ...words.slice(verb + 1)];
  const unknown = args.find((word) => /[$`]/.test(word));
  if (unknown === undefined) return args;
  left.push({ place, why: `"${unknown}" is only known when the script runs: write what it stands for` });
  return undefined;
}

function parseArguments(args: readonly string[]): Parsed {
  const options = new Map<string, string>();
  const words: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? "";
    const [, name = word, value] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
    if (!word.startsWith("-")) words.push(word);
    else if (value !== undefined) options.set(name, value);
    else if (valued.has(word)) options.set(word, args[++at] ?? "");
    else if (/^-[nsv]./.test(word)) options.set(word.slice(0, 2), word.slice(2).replace(/^=/, ""));
    else options.set(word, "");
  }
  return { options, words };
}

function routesOf({ options, words }: Parsed, place: string, left: Left[]): ConvertedRoute[] {
  const [source, ...ports] = words;
  if (source === undefined || ports.length === 0) {
    left.push({ place, why: "it names no port, or nothing to forward to" });
    return [];
  }
  for (const option of options.keys())
    if (!needless.test(option)) left.push({ place, why: `${option} has no place in a profile, and is left out` });
  const addresses = (options.get("--address") ?? "localhost").split(",").filter((each) => !/^(localhost|127\.0\.0\.1|::1)$/.test(each));
  if (addresses.length > 0)
    left.push({ place, why: `it listens on ${addresses.join(", ")}, and the route on this machine alone: expose says how` });
  const namespace = options.get("-n") ?? options.get("--namespace");
  const context = options.get("--context");
  const prefix = namespace === undefined ? "" : `${namespace}/`;
  const settings: TomlInline = context === undefined ? {} : { context };
  const target = source.includes("/") ? source : `pod/${source}`;
  return ports.flatMap((port) => {
    const [local, remote] = localAndRemote(port);
    if (local === undefined) return leaveAny(left, place, port);
    return [{ section: "tcp" as const, place, name: local, target: `${prefix}${target}:${remote}`, settings }];
  });
}

/** `8080:80`, `80`, and `:80`, which takes any port. */
function localAndRemote(port: string): readonly [local: string | undefined, remote: string] {
  const [first = "", second] = port.split(":");
  if (second === undefined) return [/^\d+$/.test(first) ? first : undefined, first];
  return [first === "" ? undefined : first, second];
}

function leaveAny(left: Left[], place: string, port: string): [] {
  left.push({ place, why: `"${port}" takes any free local port, and a route has one of its own: kt add PORT TARGET` });
  return [];
}
