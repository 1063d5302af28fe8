/** What objects of files or of a cluster say about one EdgeNode: how its host is entered, with the Secret beside it, and what it needs there. */

import { YAML } from "bun";
import { KtError, messageOf } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import { edgeNodeDefaults, edgeNodeSpec } from "#expose/resources/edge-node.ts";
import { portBindingSpec } from "#expose/resources/port-binding.ts";
import { isRecord, type Problem } from "#expose/schema/problem.ts";
import { parseGoDuration } from "#expose/values/go-duration.ts";
import { bare } from "#expose/values/hosts.ts";
import type { EdgeNeeds, NeededPort } from "#remote/doctor/host-findings.ts";
import { remoteLimits } from "#remote/limits.ts";
import type { LoginSource } from "#remote/login.ts";
import type { EntrySource } from "./edge-login.ts";
import { ownPorts, wireGuardBytes } from "./edge-ports.ts";

export interface EdgeHost extends EntrySource {
  readonly login: LoginSource;
  readonly connectMs: number;
  readonly needs: EdgeNeeds;
}

export type RawObject = Readonly<Record<string, unknown>>;

/** Throws KtError `usage` where the objects do not hold exactly one EdgeNode that is right, and its Secret. */
export function edgeHostOf(objects: readonly RawObject[], origin: "files" | "cluster"): EdgeHost {
  const [node, ...more] = objects.filter(({ kind }) => kind === "EdgeNode");
  if (node === undefined || more.length > 0)
    throw new KtError("usage", `the files have ${node === undefined ? "no" : more.length + 1} EdgeNodes, and kt edge doctor looks at one`);
  const problems: Problem[] = [];
  const { address, ssh, tunnel } = edgeNodeSpec.read(node["spec"], "spec", problems);
  const [first] = problems;
  if (first !== undefined) throw new KtError("usage", `EdgeNode "${nameOf(node).name}": ${first.place} ${first.text}`);
  const secretName = { name: ssh.secretRef.name, namespace: ssh.secretRef.namespace || nameOf(node).namespace };
  const secret = secretOf(objects, secretName, () =>
    origin === "files" ? notInFiles(secretName) : notInCluster(secretName, bare(address)),
  );
  return {
    address: { host: bare(address), port: ssh.port || edgeNodeDefaults.sshPort, user: ssh.user || edgeNodeDefaults.sshUser },
    login: { privateKey: secret("privateKey"), passphrase: secret("passphrase"), password: secret("password") },
    knownHosts: secret("knownHosts"),
    isSkipped: ssh.insecureSkipHostKeyVerification,
    connectMs: parseGoDuration(ssh.connectTimeout) || remoteLimits.connectMs,
    needs: {
      ports: [...ownPorts(tunnel.listenPort || edgeNodeDefaults.tunnelPort, tunnel.transport), ...boundPorts(objects, nameOf(node))],
      ...(tunnel.transport === "wireguard" && { packetBytes: (tunnel.mtu || edgeNodeDefaults.mtu) + wireGuardBytes(bare(address)) }),
    },
  };
}

/** Of the files, in their order. Throws KtError `usage` for what is not YAML. */
export function objectsOfFiles(texts: readonly string[]): RawObject[] {
  return texts.flatMap(documents);
}

function documents(text: string): RawObject[] {
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

function nameOf({ metadata }: RawObject): Named {
  const { name = "", namespace = "default" } = isRecord(metadata) ? metadata : {};
  return { name: String(name), namespace: String(namespace) };
}

const isNamed = (raw: RawObject, { name, namespace }: Named): boolean => nameOf(raw).name === name && nameOf(raw).namespace === namespace;

/** Reads a key of the Secret, as text. */
function secretOf(objects: readonly RawObject[], wanted: Named, absent: () => KtError): (key: string) => string | undefined {
  const secret = objects.find((raw) => raw["kind"] === "Secret" && isNamed(raw, wanted));
  if (secret === undefined) throw absent();
  const { data, stringData } = secret;
  return (key) => {
    if (isRecord(stringData) && typeof stringData[key] === "string") return stringData[key];
    return isRecord(data) && typeof data[key] === "string" ? Buffer.from(data[key], "base64").toString() : undefined;
  };
}

function notInFiles({ name, namespace }: Named): KtError {
  return new KtError("usage", `the files do not have the Secret "${name}" of namespace "${namespace}", with which kt would sign in`, {
    hints: [command`kubectl get secret ${name} -n ${namespace} -o yaml > secret.yaml`, "then give that file too, with another -f"],
  });
}

function notInCluster({ name, namespace }: Named, host: string): KtError {
  return new KtError("usage", `there is no Secret "${name}" in namespace "${namespace}", with which kt would sign in`, {
    hints: [command`kt edge secret --host ${host} --key-file ~/.ssh/id_ed25519 --name ${name} -n ${namespace} -o edge-ssh.yaml`],
  });
}

function boundPorts(objects: readonly RawObject[], node: Named): NeededPort[] {
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
