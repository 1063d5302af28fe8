/** The Kubernetes API for what is measured: many small requests, each of which would be a process of kubectl's. */

import { spawn } from "bun";
import { freePorts } from "#test/support/process.ts";
import { eventually } from "#test/support/wait.ts";

/** The API over `kubectl proxy`: hundreds of kubectl processes would be what is measured. */
export class ProxiedApi {
  /** It needs no credentials. */
  readonly origin: string;
  /** Of the namespace. */
  readonly #url: string;
  readonly #proxy: ReturnType<typeof spawn>;

  private constructor(origin: string, namespace: string, proxy: ReturnType<typeof spawn>) {
    this.origin = origin;
    this.#url = `${origin}/api/v1/namespaces/${namespace}`;
    this.#proxy = proxy;
  }

  /** Resolves once it answers. */
  static async start(kubeconfig: string, namespace: string): Promise<ProxiedApi> {
    const [port = 0] = freePorts(1);
    const proxy = spawn(["kubectl", "--kubeconfig", kubeconfig, "proxy", `--port=${port}`], { stdout: "ignore", stderr: "ignore" });
    const api = new ProxiedApi(`http://127.0.0.1:${port}`, namespace, proxy);
    await eventually("kubectl proxy", () => api.names("services").catch(() => false));
    return api;
  }

  async send(method: string, path: string, body?: object): Promise<void> {
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const init = { method, headers: { "Content-Type": type }, ...(body ? { body: JSON.stringify(body) } : {}) };
    const response = await fetch(`${this.#url}/${path}`, init);
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    await response.arrayBuffer();
  }

  async names(collection: string): Promise<string[]> {
    const list = (await (await fetch(`${this.#url}/${collection}`)).json()) as { items: { metadata: { name: string } }[] };
    return list.items.map(({ metadata }) => metadata.name).sort();
  }

  /** Resolves when an object of the collection is as asked, by a watch: nothing else tells so soon. */
  async when<Raw>(collection: string, query: string, isMeant: (object: Raw) => boolean): Promise<void> {
    const controller = new AbortController();
    const response = await fetch(`${this.#url}/${collection}?watch=1&${query}`, { signal: controller.signal });
    let text = "";
    for await (const bytes of response.body ?? []) {
      const lines = (text + new TextDecoder().decode(bytes)).split("\n");
      text = lines.pop() ?? "";
      if (lines.some((line) => isMeant((JSON.parse(line) as { object: Raw }).object))) break;
    }
    controller.abort();
  }

  close(): void {
    this.#proxy.kill();
  }
}
