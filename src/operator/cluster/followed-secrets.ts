/** The Secrets that EdgeNodes and PortBindings name, each followed by a watch of its own: no other Secret is ever read. */

import { isStatus } from "#kube/api/api-problem.ts";
import { Reflector } from "#kube/follow/reflector.ts";
import { formatName, type ObjectName } from "#expose/resources/read-objects.ts";
import { objectOf, type Watching } from "./informer.ts";
import { kindPath, kubeKinds } from "./kinds.ts";

export type SeenSecret =
  | { readonly state: "there"; readonly version: string; readonly data: ReadonlyMap<string, Uint8Array> }
  | { readonly state: "absent" }
  | { readonly state: "unreadable"; readonly why: string };

interface Item {
  readonly name: string;
  readonly seen: SeenSecret;
}

interface Followed {
  readonly name: ObjectName;
  readonly reflector: Reflector<Item>;
  readonly known: PromiseWithResolvers<void>;
  seen: SeenSecret | undefined;
}

export class FollowedSecrets {
  readonly #watching: Watching;
  readonly #onChange: (name: ObjectName) => void;
  readonly #followed = new Map<string, Followed>();

  constructor(watching: Watching, onChange: (name: ObjectName) => void) {
    this.#watching = watching;
    this.#onChange = onChange;
  }

  /** Follows exactly these from now on. */
  follow(names: readonly ObjectName[]): void {
    const wanted = new Map(names.map((name) => [formatName(name), name]));
    for (const [key, { reflector }] of this.#followed) {
      if (wanted.has(key)) continue;
      reflector.close();
      this.#followed.delete(key);
    }
    for (const [key, name] of wanted) if (!this.#followed.has(key)) this.#followed.set(key, this.#begin(name));
  }

  /** Of one that is followed, once it is known; undefined for another. */
  async read(name: ObjectName): Promise<SeenSecret | undefined> {
    const followed = this.#followed.get(formatName(name));
    await followed?.known.promise;
    return followed?.seen;
  }

  close(): void {
    this.follow([]);
  }

  #begin(name: ObjectName): Followed {
    const { group, resource } = kubeKinds.secret;
    const known = Promise.withResolvers<void>();
    const set = (seen: SeenSecret): void => {
      followed.seen = seen;
      known.resolve();
      this.#onChange(name);
    };
    const reflector = new Reflector<Item>({
      ...this.#watching,
      path: kindPath(kubeKinds.secret, name.namespace),
      query: { fieldSelector: `metadata.name=${name.name}` },
      access: { resource, group, namespace: name.namespace },
      single: name.name,
      pick: (raw) => itemOf(objectOf(raw)),
      listener: {
        onList: ([item]) => set(item?.seen ?? { state: "absent" }),
        onItem: ({ seen }, isDeleted) => set(isDeleted ? { state: "absent" } : seen),
        onProblem: (problem) => {
          this.#watching.log("warn", "watch-failed", { resource, name: formatName(name), reason: problem.message });
          // What was read before stays: the API server may be away for a moment.
          if (followed.seen === undefined && isStatus(problem, 403)) set({ state: "unreadable", why: problem.message });
        },
      },
    });
    const followed: Followed = { name, reflector, known, seen: undefined };
    return followed;
  }
}

function itemOf({ metadata, data = {} }: ReturnType<typeof objectOf>): Item {
  const entries = Object.entries(data).map(([key, value]) => [key, Uint8Array.fromBase64(value)] as const);
  return { name: metadata.name, seen: { state: "there", version: metadata.resourceVersion ?? "", data: new Map(entries) } };
}
