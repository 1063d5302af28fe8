/** The pods whose addresses stand in endpoints that name no pod, as where the slices of a service are written by hand or by an operator. */

import type { Clock } from "#base/clock.ts";
import type { KtError } from "#base/errors.ts";
import { kubeLimits } from "#kube/limits.ts";
import type { Log } from "#base/log.ts";
import type { Api } from "#kube/api/api.ts";
import { pickPod, type Pod, type Slice, type SliceEndpoint } from "#kube/objects/objects.ts";
import { collectionPath } from "#kube/objects/workload.ts";
import { Reflector } from "./reflector.ts";

export interface EndpointPodsOptions {
  readonly api: Api;
  readonly clock: Clock;
  readonly log: Log;
  readonly namespace: string;
  /** Something is known that was not. */
  readonly onChange: () => void;
}

/** What is known of one address. */
interface Address {
  readonly reflector: Reflector<Pod>;
  /** By name: pods in their node's network share its address. */
  readonly pods: Map<string, Pod>;
  state: "asked" | "known" | KtError;
}

const isNameless = ({ pod, address, terminating }: SliceEndpoint): boolean => pod === undefined && address !== "" && !terminating;

export const hasNameless = (slices: readonly Slice[]): boolean => slices.some(({ endpoints }) => endpoints.some(isNameless));

export class EndpointPods {
  readonly #options: EndpointPodsOptions;
  readonly #addresses = new Map<string, Address>();

  constructor(options: EndpointPodsOptions) {
    this.#options = options;
  }

  /** Why some addresses may be pods' without our knowing. */
  get problem(): KtError | undefined {
    for (const { state } of this.#addresses.values()) if (typeof state === "object") return state;
    return undefined;
  }

  /** The slices with the pods filled in; undefined while some are being looked for. Addresses that no slice has are let go. */
  named(slices: readonly Slice[]): readonly Slice[] | undefined {
    const nameless = slices.flatMap(({ endpoints }) => endpoints.filter(isNameless).map(({ address }) => address));
    this.#watchOnly(new Set(nameless.slice(0, kubeLimits.endpointAddresses)));
    if (this.#addresses.size === 0) return slices;
    if ([...this.#addresses.values()].some(({ state }) => state === "asked")) return undefined;
    return slices.map((slice) => ({ ...slice, endpoints: slice.endpoints.map((endpoint) => this.#named(endpoint)) }));
  }

  /** See Reflector. */
  wake(): void {
    for (const { reflector } of this.#addresses.values()) reflector.wake();
  }

  close(): void {
    this.#watchOnly(new Set());
  }

  #named(endpoint: SliceEndpoint): SliceEndpoint {
    const known = isNameless(endpoint) ? this.#addresses.get(endpoint.address) : undefined;
    const running = [...(known?.pods.values() ?? [])].filter(({ phase, terminating }) => phase === "Running" && !terminating);
    // Any of those that share it does; the same one every time.
    const [pod] = running.map(({ name }) => name).sort();
    return pod === undefined ? endpoint : { ...endpoint, pod };
  }

  #watchOnly(wanted: ReadonlySet<string>): void {
    for (const [address, { reflector }] of this.#addresses) {
      if (wanted.has(address)) continue;
      reflector.close();
      this.#addresses.delete(address);
    }
    for (const address of wanted) if (!this.#addresses.has(address)) this.#watch(address);
  }

  #watch(address: string): void {
    const { namespace, onChange, ...common } = this.#options;
    const pods = new Map<string, Pod>();
    const changed = (state: Address["state"]): void => {
      if (this.#addresses.get(address) !== entry) return;
      entry.state = state;
      onChange();
    };
    const reflector = new Reflector<Pod>({
      ...common,
      path: collectionPath("", namespace, "pods"),
      query: { fieldSelector: `status.podIP=${address}` },
      access: { resource: "pods", group: "", namespace },
      pick: pickPod,
      listener: {
        onList: (items) => {
          pods.clear();
          for (const pod of items) pods.set(pod.name, pod);
          changed("known");
        },
        onItem: (pod, deleted) => {
          if (deleted) pods.delete(pod.name);
          else pods.set(pod.name, pod);
          changed("known");
        },
        onProblem: (problem) => changed(pods.size > 0 && problem.code !== "forbidden" ? "known" : problem),
      },
    });
    const entry: Address = { reflector, pods, state: "asked" };
    this.#addresses.set(address, entry);
  }
}
