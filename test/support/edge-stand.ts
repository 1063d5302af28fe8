/** A public edge as its users have it: a VPS, the kinds and the image in the cluster, the operator, and one EdgeNode. */

import { readFileSync } from "node:fs";
import { edgeCrds } from "#expose/resources/crds.ts";
import { apply, kubectl, ownNamespace, type Ran, rolledOut } from "./cluster.ts";
import { edgeApi, type Manifest } from "./edge-manifests.ts";
import { Home, type KtProcess } from "./kt.ts";
import { type Imported, importRelayImage } from "./relay-image.ts";
import { Vps } from "./vps.ts";
import { eventually } from "./wait.ts";

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
}

export interface EdgeObject {
  readonly metadata: { readonly name: string; readonly generation: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly Condition[];
    readonly publicKey?: string;
    readonly uplink?: readonly { readonly ordinal: number; readonly tunnelIP: string; readonly lastHandshake?: string }[];
    readonly bindings?: readonly { readonly name: string; readonly state: string; readonly message: string }[];
  };
}

const crdNames = ["edgenodes.tunnel.achetronic.com", "portbindings.tunnel.achetronic.com"];

/** The operator's namespace and name where nothing else is asked for. */
const deployed = "kt-operator";

export class EdgeStand {
  readonly vps: Vps;
  readonly home: Home;
  readonly namespace: string;
  readonly #image: Imported;
  readonly #removeNamespace: () => Promise<void>;
  #operator: KtProcess | undefined;

  private constructor(vps: Vps, home: Home, image: Imported, space: Awaited<ReturnType<typeof ownNamespace>>) {
    this.vps = vps;
    this.home = home;
    this.namespace = space.name;
    this.#image = image;
    this.#removeNamespace = space.remove;
  }

  /** `number` is of the VPS's networks; `namespace` of the objects, instead of one of its own. There is no operator yet. */
  static async start(name: string, number: number, namespace?: string): Promise<EdgeStand> {
    const home = new Home();
    const [vps, image, space] = await Promise.all([
      Vps.boot(name, number),
      importRelayImage(),
      namespace === undefined ? ownNamespace(name) : { name: namespace, remove: async () => {} },
    ]);
    await apply(...edgeCrds());
    await kubectl("wait", "--for=condition=Established", ...crdNames.map((crd) => `crd/${crd}`), "--timeout=30s");
    const stand = new EdgeStand(vps, home, image, space);
    await apply({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { namespace: stand.namespace, name: "vps-ssh-secret" },
      stringData: { privateKey: readFileSync(vps.keyFile, "utf8"), knownHosts: readFileSync(vps.knownHostsFile, "utf8") },
    });
    return stand;
  }

  /** Outside of the cluster, with an administrator's rights, where it can be killed. */
  startOperator(): void {
    const own = ["--watch-namespace", this.namespace, "--no-leader-elect", "--health-probe-bind-address", "0"];
    this.#operator = this.home.start(["operator", "--image", this.#image.name, ...own]);
  }

  /** As users have it: in a namespace of its own, with the rights that kt gives it. */
  async deployOperator(): Promise<void> {
    await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: deployed } });
    const manifests = await this.home.ok("edge", "manifests", "--json", "--image", this.#image.name, "-n", deployed);
    await apply(...(JSON.parse(manifests) as { items: object[] }).items);
    await rolledOut(deployed, deployed);
  }

  get operator(): KtProcess {
    if (this.#operator === undefined) throw new Error("the operator runs in the cluster");
    return this.#operator;
  }

  /** Of kt, as the cluster has it. */
  get image(): string {
    return this.#image.name;
  }

  async #operatorSays(): Promise<string> {
    return this.#operator?.output ?? (await kubectl("-n", deployed, "logs", `deployment/${deployed}`, "--tail=50"));
  }

  /** As its README has it, in this namespace, with uplinks that one node can run. */
  async applyNode(spec: object = {}): Promise<void> {
    const uplink = { namespace: this.namespace, affinity: {} };
    await apply({
      apiVersion: edgeApi,
      kind: "EdgeNode",
      metadata: { namespace: this.namespace, name: "edge-node" },
      spec: {
        address: this.vps.address,
        ssh: { secretRef: { name: "vps-ssh-secret" } },
        ...spec,
        uplink: { ...uplink, ...(spec as { uplink?: object }).uplink },
      },
    });
  }

  async applyAll(...manifests: readonly Manifest[]): Promise<void> {
    await apply(...manifests.map((manifest) => ({ ...manifest, metadata: { ...manifest.metadata, namespace: this.namespace } })));
  }

  async get(kind: "edgenode" | "portbinding", name: string): Promise<EdgeObject> {
    return JSON.parse(await kubectl("-n", this.namespace, "get", kind, name, "-o", "json")) as EdgeObject;
  }

  /** Of the namespace of its objects. */
  async events(): Promise<readonly { readonly reason: string; readonly message: string }[]> {
    const list = JSON.parse(await kubectl("-n", this.namespace, "get", "events", "-o", "json")) as {
      items: { reason: string; message: string }[];
    };
    return list.items;
  }

  /** Once its condition says so of this generation. */
  async ready(kind: "edgenode" | "portbinding", name: string, withinMs = 60_000): Promise<EdgeObject> {
    return await eventually(
      `${kind} ${name} to be ready`,
      async () => {
        const object = await this.get(kind, name);
        const ready = object.status?.conditions?.find(({ type }) => type === "Ready");
        if (ready?.status === "True" && (ready.observedGeneration ?? object.status?.observedGeneration) === object.metadata.generation)
          return object;
        throw new Error(`${JSON.stringify(object.status)}\n${(await this.#operatorSays()).slice(-3000)}`);
      },
      withinMs,
      100,
    );
  }

  /** From the internet, by the public address. */
  async curl(port: number, ...options: readonly string[]): Promise<Ran> {
    return await this.vps.fromInternet("curl", "-sS", "--max-time", "10", ...options, `http://${this.vps.address}:${port}/`);
  }

  /** All of it, also where a step fails: the first failure is thrown at the end. */
  async remove(): Promise<void> {
    const own = ["-n", this.namespace, "--all", "--ignore-not-found", "--timeout=60s"];
    const steps = [
      async () => await kubectl("delete", "portbinding", ...own),
      async () => await kubectl("delete", "edgenode", ...own),
      async () => await this.#letGo(),
      async () => await this.home.close(),
      async () => await kubectl("delete", "namespace", deployed, "--ignore-not-found", "--timeout=60s"),
      async () => await kubectl("delete", "clusterrole,clusterrolebinding", deployed, "--ignore-not-found"),
      async () => await this.#removeNamespace(),
      async () => await this.#image.remove(),
      async () => await this.vps.remove(),
    ];
    const failures: unknown[] = [];
    for (const step of steps) await step().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }

  /** An EdgeNode that could not be deleted would keep its namespace for ever. */
  async #letGo(): Promise<void> {
    const patch = JSON.stringify({ metadata: { finalizers: [] } });
    const names = (await kubectl("-n", this.namespace, "get", "edgenode", "-o", "name")).trim().split("\n");
    for (const name of names.filter((each) => each !== "")) await kubectl("-n", this.namespace, "patch", name, "--type=merge", "-p", patch);
  }
}
