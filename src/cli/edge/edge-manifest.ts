/** What files say about one EdgeNode: how its host is entered, with the Secret beside it, and which ports it needs. */

import { YAML } from "bun";
import { KtError, messageOf } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import { edgeNodeDefaults, edgeNodeSpec } from "#expose/resources/edge-node.ts";
import { portBindingSpec } from "#expose/resources/port-binding.ts";
import { isRecord, type Problem } from "#expose/schema/problem.ts";
import { parseGoDuration } from "#expose/values/go-duration.ts";
import { bare } from "#expose/values/hosts.ts";
import type { NeededPort } from "#remote/doctor/host-findings.ts";
import { remoteLimits } from "#remote/limits.ts";
import type { LoginSource } from "#remote/login.ts";
import type { SshAddress } from "#remote/ssh-address.ts";
import { ownPorts } from "./edge-ports.ts";

export interface EdgeHost {
  readonly address: SshAddress;
  readonly login: LoginSource;
  /** Undefined where the Secret has none. */
  readonly knownHosts: string | undefined;
  /** Without known hosts, any host is accepted. */
  readonly isSkipped: boolean;
  readonly connectMs: number;
  readonly needed: readonly NeededPort[];
}

type Raw = Readonly<Record<string, unknown>>;

/** `texts` are of the files, in their order. Throws KtError `usage` where they do not hold exactly one EdgeNode that is right, and its Secret. */
export function edgeHostOf(texts: readonly string[]): EdgeHost {
  const objects = texts.flatMap(documents);
  const [node, ...more] = objects.filter(({ kind }) => kind === "EdgeNode");
  if (node === undefined || more.length > 0)
    throw new KtError("usage", `the files have ${node === undefined ? "no" : more.length + 1} EdgeNodes, and kt edge doctor looks at one`);
  const problems: Problem[] = [];
  const { address, ssh, tunnel } = edgeNodeSpec.read(node["spec"], "spec", problems);
  const [first] = problems;
  if (first !== undefined) throw new KtError("usage", `EdgeNode "${nameOf(node).name}": ${first.place} ${first.text}`);
  const secret = secretOf(objects, { name: ssh.secretRef.name, namespace: ssh.secretRef.namespace || nameOf(node).namespace });
  return {
    address: { host: bare(address), port: ssh.port || edgeNodeDefaults.sshPort, user: ssh.user || edgeNodeDefaults.sshUser },
    login: { privateKey: secret("privateKey"), passphrase: secret("passphrase"), password: secret("password") },
    knownHosts: secret("knownHosts"),
    isSkipped: ssh.insecureSkipHostKeyVerification,
    connectMs: parseGoDuration(ssh.connectTimeout) || remoteLimits.connectMs,
    needed: [...ownPorts(tunnel.listenPort || edgeNodeDefaults.tunnelPort, tunnel.transport), ...boundPorts(objects, nameOf(node))],
  };
}

function documents(text: string): Raw[] {
  try {
    return [YAML.parse(text)].flat().filter(isRecord);
  } catch (error) {
    throw new KtError("usage", `the file is not valid YAML: ${messageOf(error)}`);
  }
}

interface Named {
  readonly name: string;
  readonly namespace: string;
}

function nameOf({ metadata }: Raw): Named {
  const { name = "", namespace = "default" } = isRecord(metadata) ? metadata : {};
  return { name: String(name), namespace: String(namespace) };
}

const isNamed = (raw: Raw, { name, namespace }: Named): boolean => nameOf(raw).name === name && nameOf(raw).namespace === namespace;

/** Reads a key of the Secret, as text. */
function secretOf(objects: readonly Raw[], wanted: Named): (key: string) => string | undefined {
  const { name, namespace } = wanted;
  const secret = objects.find((raw) => raw["kind"] === "Secret" && isNamed(raw, wanted));
  if (secret === undefined)
    throw new KtError("usage", `the files do not have the Secret "${name}" of namespace "${namespace}", with which kt would sign in`, {
      hints: [command`kubectl get secret ${name} -n ${namespace} -o yaml > secret.yaml`, "then give that file too, with another -f"],
    });
  const { data, stringData } = secret;
  return (key) => {
    if (isRecord(stringData) && typeof stringData[key] === "string") return stringData[key];
    return isRecord(data) && typeof data[key] === "string" ? Buffer.from(data[key], "base64").toString() : undefined;
  };
}

function boundPorts(objects: readonly Raw[], node: Named): NeededPort[] {
  return objects
    .filter(({ kind }) => kind === "PortBinding")
    .flatMap((raw) => {
      const problems: Problem[] = [];
      const { edgeNodeRef, bindings } = portBindingSpec.read(raw["spec"], "spec", problems);
      // What is wrong with a PortBinding is for kt edge plan to say.
      if (problems.length > 0) return [];
      const refers = { name: edgeNodeRef.name, namespace: edgeNodeRef.namespace || nameOf(raw).namespace };
      if (refers.name !== node.name || refers.namespace !== node.namespace) return [];
      return bindings.map(({ name, protocol, listenPort }) => ({
        protocol: protocol === "TCP" ? ("tcp" as const) : ("udp" as const),
        port: listenPort,
        what: `the binding "${name}"`,
      }));
    });
}
