/** A namespace of the real cluster in which relays run, and the machines of users whose profiles ask for one there. */

import { apply, kubectl, ownNamespace } from "./cluster.ts";
import { Home } from "./kt.ts";
import { freePorts } from "./process.ts";
import { RawClient } from "./raw-client.ts";
import { importRelayImage } from "./relay-image.ts";
import { eventually, within } from "./wait.ts";

export interface JobObject {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: object;
}

export interface MachineOptions {
  /** More of its `[relay]`, as TOML. */
  readonly relay?: string;
  /** Further sections of its profile, which lead on from `[tcp]`; given a local port of their own. */
  readonly more?: (port: number) => string;
  /** Whose relay it uses; default: the case's own. */
  readonly group?: string;
}

export class RelaySpace {
  readonly name: string;
  readonly image: string;
  readonly #remove: () => Promise<void>;
  readonly #machines: Machine[] = [];
  #cases = 0;

  private constructor(name: string, image: string, remove: () => Promise<void>) {
    this.name = name;
    this.image = image;
    this.#remove = remove;
  }

  static async make(suffix: string): Promise<RelaySpace> {
    const [image, space] = await Promise.all([importRelayImage(), ownNamespace(suffix)]);
    await kubectl("label", "namespace", space.name, "pod-security.kubernetes.io/enforce=restricted");
    return new RelaySpace(space.name, image.name, async () => {
      await space.remove();
      await image.remove();
    });
  }

  /** Ends the machines of a case. Relays end by themselves, and the next case has another: none waits for the one before. */
  async endCase(): Promise<void> {
    this.#cases += 1;
    for (const machine of this.#machines.splice(0)) await machine.home.close();
  }

  /** Removes everything; an error where a relay has stayed. */
  async close(): Promise<void> {
    await this.endCase();
    await eventually("every relay to be gone", async () => (await this.jobs("")).length === 0, 90_000, 500);
    await this.#remove();
  }

  /** A machine of this case, with a route for each target and a local port for each, and one more. */
  machine(targets: readonly string[], options: MachineOptions = {}): Machine {
    const machine = this.lasting(targets, options);
    this.#machines.push(machine);
    return machine;
  }

  /** One that the end of its case does not end. */
  lasting(targets: readonly string[], { relay, more, group = this.#group }: MachineOptions = {}): Machine {
    const ports = freePorts(targets.length + 2);
    const routes = targets.map((target, at) => `"127.0.0.1:${ports[at]}" = "${target}"\n`).join("");
    const image = relay?.includes("image =") ? "" : `image = "${this.image}"\n`;
    const head = `namespace = "${this.name}"\n[http]\nlisten = ["127.0.0.1:${ports.at(-1)}"]\n`;
    const profile = `${head}[relay]\n${image}${relay ?? ""}\nlabels = { "kt-e2e-group" = "${group}" }\n`;
    return new Machine(ports, `${profile}[tcp]\n${routes}${more?.(ports[targets.length] ?? 0) ?? ""}`);
  }

  /** Of this case; of all with "". */
  async jobs(group: string = this.#group): Promise<readonly JobObject[]> {
    const selector = group === "" ? [] : ["-l", `kt-e2e-group=${group}`];
    return (JSON.parse(await kubectl("-n", this.name, "get", "jobs", ...selector, "-o", "json")) as { items: JobObject[] }).items;
  }

  /** Names of the relay's pods of this case, those that are ending aside. */
  async pods(): Promise<readonly string[]> {
    const text = await kubectl("-n", this.name, "get", "pods", "-l", `kt-e2e-group=${this.#group}`, "-o", "json");
    const { items } = JSON.parse(text) as { items: { metadata: { name: string; deletionTimestamp?: string } }[] };
    return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(({ metadata }) => metadata.name);
  }

  /** Resolves once the relay of this case runs. */
  async ready(): Promise<void> {
    const path = "-o=jsonpath={.items[*].status.containerStatuses[*].ready}";
    const look = async (): Promise<boolean> =>
      (await kubectl("-n", this.name, "get", "pods", "-l", `kt-e2e-group=${this.#group}`, path)).includes("true");
    await eventually("the relay", look, 60_000, 100);
  }

  /** An object of this namespace, with its kind and version where that is not "v1". */
  object(kind: string, name: string, rest: object): object {
    return { apiVersion: "v1", kind, metadata: { namespace: this.name, name }, ...rest };
  }

  /** A web server whose `/cgi-bin/who` tells each client from which address it came. */
  async applyTeller(name: string, listenOn: string): Promise<void> {
    const script = "#!/bin/sh\\necho\\necho peer=$REMOTE_ADDR\\n";
    const made = `cd /tmp; /bin/busybox mkdir -p cgi-bin; printf '${script}' >cgi-bin/who; /bin/busybox chmod +x cgi-bin/who`;
    const command = ["/bin/sh", "-c", `${made}; exec /bin/httpd -f -p ${listenOn} -h /tmp`];
    await this.applyPod(name, { image: "kt.test/jump:1", command });
  }

  /** A pod of one container, ready. */
  async applyPod(name: string, container: object): Promise<void> {
    await apply(this.object("Pod", name, { spec: { ...confined, containers: [confinedContainer(container)] } }));
    await kubectl("-n", this.name, "wait", "--for=condition=Ready", `pod/${name}`, "--timeout=60s");
  }

  get #group(): string {
    return `case-${this.#cases}`;
  }
}

/** What the restricted Pod Security Standard asks of a pod, and of its container. */
export const confined = {
  securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
  terminationGracePeriodSeconds: 5,
};
export const confinedContainer = (extra: object): object => ({
  name: "app",
  image: "kt.test/app:1",
  imagePullPolicy: "IfNotPresent",
  securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
  ...extra,
});

/** One user's machine. */
export class Machine {
  readonly home = new Home();
  readonly ports: readonly number[];

  constructor(ports: readonly number[], profile: string) {
    this.ports = ports;
    this.home.write("tunnels.toml", profile);
  }

  get port(): number {
    return this.ports[0] ?? 0;
  }

  async up(): Promise<this> {
    await this.ok("allow");
    await this.ok("up", "-d");
    return this;
  }

  async ok(...args: readonly string[]): Promise<string> {
    return await this.home.ok(...args);
  }

  /** Sends a text through a route and waits for it to come back. */
  async echo(at = 0, text = "hello"): Promise<RawClient> {
    const client = await RawClient.open(this.ports[at] ?? 0);
    client.write(text);
    try {
      await within(40_000, `the echo of "${text}"`, client.readUntil(text));
      return client;
    } catch (error) {
      throw new Error(`${String(error)}\n${await this.ok("logs")}`);
    }
  }

  /** As `echo`, of a new service: the node's rules for it come a moment after its endpoints, and until then it refuses. */
  async echoSoon(at = 0): Promise<RawClient> {
    return await eventually("the service to accept", () => this.echo(at), 60_000, 250);
  }

  /** All that comes back for a text that leads to nothing. */
  async refusal(at = 0): Promise<string> {
    const client = await RawClient.open(this.ports[at] ?? 0);
    client.write("hello");
    return await within(60_000, "the connection to be closed", client.readToEnd());
  }

  /** From which address a teller sees its client come: by port-forward its own loopback. */
  async seenFrom(at = 0): Promise<string> {
    return /peer=(\S+)/.exec(await this.get("/cgi-bin/who", at))?.[1] ?? "";
  }

  /** All of the answer to a request on a connection of its own. */
  async get(path: string, at = 0): Promise<string> {
    const client = await RawClient.open(this.ports[at] ?? 0);
    client.write(`GET ${path} HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n`);
    return await within(60_000, path, client.readToEnd());
  }
}
