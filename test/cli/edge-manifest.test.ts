/** What kt edge doctor reads out of manifests: one EdgeNode, its Secret in either form, the ports of its PortBindings, and what is missing. */

import { describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { edgeHostOf, objectsOfFiles } from "#cli/edge/edge-manifest.ts";

const node = `apiVersion: tunnel.achetronic.com/v1alpha1
kind: EdgeNode
metadata: { name: fra, namespace: infra }
spec:
  address: "[2001:db8::7]"
  ssh: { secretRef: { name: fra-ssh }, user: deploy, port: 2222, connectTimeout: 1m500ms }
  tunnel: { listenPort: 500 }
`;
const secret = `apiVersion: v1
kind: Secret
metadata: { name: fra-ssh, namespace: infra }
data: { privateKey: a2V5, knownHosts: bGluZQ== }
stringData: { passphrase: "open sesame" }
`;
const bindings = (nodeName: string): string => `kind: PortBinding
metadata: { name: ${nodeName}, namespace: infra }
spec:
  edgeNodeRef: { name: ${nodeName} }
  bindings:
    - { name: dns, protocol: UDP, listenPort: 53, target: { address: 10.96.0.10, port: 53 } }
    - { name: https, protocol: TCP, listenPort: 443, target: { address: 10.96.0.11, port: 443 } }
`;

const hostOf = (texts: readonly string[]): ReturnType<typeof edgeHostOf> => edgeHostOf(objectsOfFiles(texts), "files");

function hintsOf(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof KtError) return error.hints;
  }
  return [];
}

describe("manifests of an edge", () => {
  test("say how its host is entered, and which ports it needs", () => {
    const { address, login, knownHosts, isSkipped, connectMs, needs } = hostOf([
      `${node}---\n${bindings("fra")}---\n${bindings("ams")}`,
      secret,
    ]);
    expect(address).toEqual({ host: "2001:db8::7", port: 2222, user: "deploy" });
    expect(login).toEqual({ privateKey: "key", passphrase: "open sesame", password: undefined });
    expect([knownHosts, isSkipped, connectMs]).toEqual(["line", false, 60_500]);
    expect(needs.ports.map(({ protocol, port }) => `${port}/${protocol}`)).toEqual(["500/udp", "40600/tcp", "53/udp", "443/tcp"]);
  });

  test("have the defaults of the kind where they say nothing", () => {
    const bare = "kind: EdgeNode\nspec: { address: 203.0.113.10, ssh: { secretRef: { name: fra-ssh, namespace: infra } } }\n";
    const { address, connectMs, needs } = hostOf([bare, secret]);
    expect([address.port, address.user, connectMs, needs.ports[0]?.port]).toEqual([22, "root", 30_000, 51_821]);
  });

  test("say how large the packets of the tunnel are, where it has packets of its own", () => {
    const packetBytes = (text: string): number | undefined => hostOf([text, secret]).needs.packetBytes;
    expect(packetBytes(node)).toBe(1420 + 80);
    expect(packetBytes(node.replace("[2001:db8::7]", "203.0.113.10"))).toBe(1420 + 60);
    expect(packetBytes(node.replace("listenPort: 500", "mtu: 1280"))).toBe(1280 + 80);
    expect(packetBytes(node.replace("listenPort: 500", "transport: tls"))).toBeUndefined();
  });

  test("of a cluster that lack the Secret say how it is made there", () => {
    const read = (): unknown => edgeHostOf(objectsOfFiles([node]), "cluster");
    expect(read).toThrow('there is no Secret "fra-ssh" in namespace "infra"');
    expect(hintsOf(read)).toEqual([
      "kt edge secret --host 2001:db8::7 --key-file ~/.ssh/id_ed25519 --name fra-ssh -n infra -o edge-ssh.yaml",
    ]);
  });

  test("that lack something are refused with what it is", () => {
    expect(() => hostOf([secret])).toThrow("the files have no EdgeNodes, and kt edge doctor looks at one");
    expect(() => hostOf([`${node}---\n${node}`, secret])).toThrow("the files have 2 EdgeNodes");
    expect(() => hostOf([node])).toThrow('the files do not have the Secret "fra-ssh" of namespace "infra"');
    expect(() => hostOf([node.replace("1m500ms", "soon"), secret])).toThrow('EdgeNode "fra": spec.ssh.connectTimeout');
    expect(() => hostOf(["a: [\n"])).toThrow("not valid YAML");
  });
});
