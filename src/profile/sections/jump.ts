/** What a route says about its jump host: via, container, method, and the pod that kt may make for it. */

import * as v from "valibot";
import { profileLimits } from "#profile/limits.ts";
import { parseAddress } from "#route/address-text.ts";
import { isLabel, parsePodSource, type PodSource } from "#route/pod-source-text.ts";
import type { AddressTarget, JumpHost, JumpPodDefinition } from "#route/target.ts";
import { parseDuration } from "#profile/values/duration.ts";
import { isImage } from "#profile/values/image.ts";
import type { KeyPath } from "#profile/toml/positions.ts";
import type { ProfileSource } from "#profile/values/placed.ts";

const duration = (what: string, example: string) =>
  v.pipe(v.string(`a duration such as "${example}"`), v.description(what), v.examples([example]));

/** The pod that is made where a jump host does not exist yet. */
const jumpPod = v.pipe(
  v.strictObject(
    {
      image: v.optional(
        v.pipe(
          v.string("the name of an image"),
          v.description("Must have socat or nc. Default: alpine/socat, pinned by version and digest."),
          v.examples(["alpine/socat:1.8.0.3", "registry.example.com/team/socat:1.8"]),
        ),
      ),
      command: v.optional(
        v.pipe(
          v.array(v.string("text"), "a list of texts"),
          v.description("What the pod runs, without a shell. It is ended when the pod is no longer used. Default: kt's own waiting."),
          v.examples([["sleep", "infinity"]]),
        ),
      ),
      timeout: v.optional(duration('How long the pod may take to become ready. Default: "60s".', "60s")),
      ttl: v.optional(duration('The pod ends when it has not been used for this long. Default: "1h".', "1h")),
    },
    "a table",
  ),
  v.description(
    "Makes the pod when it is needed and not there. It is deleted with the last route that uses it; a route that only names the pod uses it as made here.",
  ),
  v.examples([{}, { image: "alpine/socat:1.8.0.3", ttl: "30m" }]),
);

const viaTable = v.pipe(
  v.strictObject(
    {
      service: v.optional(
        v.pipe(
          v.string("the name of a service"),
          v.description("Any ready pod behind this service makes the connection: NAME, NAMESPACE/NAME or NAMESPACE/svc/NAME."),
          v.examples(["backend-api", "shop/backend-api"]),
        ),
      ),
      pod: v.optional(
        v.pipe(
          v.string("the name of a pod"),
          v.description("This pod makes the connection: NAME, NAMESPACE/NAME or NAMESPACE/pod/NAME."),
          v.examples(["kt-jump", "shop/kt-jump", "shop/pod/kt-jump"]),
        ),
      ),
      namespace: v.optional(v.pipe(v.string("the name of a namespace"), v.description("Default: the profile's."))),
      create: v.optional(jumpPod),
    },
    "a table with a service or a pod",
  ),
  v.description("A jump host in its long form: a service or a pod."),
);

/** What a route has in its shape that reaches an address by a pod. */
export const jumpShape = {
  via: v.optional(
    v.pipe(
      v.union(
        [v.pipe(v.string("a jump host"), v.examples(["default/svc/backend-api", "pod/kt-jump", "deploy/worker"])), viaTable],
        'a jump host such as "default/svc/backend-api", or a table with a service or a pod',
      ),
      v.description(
        "The pod that makes the connection, as [NAMESPACE/]KIND/NAME or a table; the target is then an address, HOST:PORT, as that pod sees it.",
      ),
    ),
  ),
  container: v.optional(
    v.pipe(
      v.string("the name of a container"),
      v.description("The container of the jump host in which socat or nc is run. Default: the pod's default container."),
      v.examples(["main"]),
    ),
  ),
  method: v.optional(
    v.pipe(
      v.picklist(["auto", "socat", "nc"], '"auto", "socat" or "nc"'),
      v.description('What makes the connection in the pod. auto: socat, else nc. Default: "auto".'),
    ),
  ),
};

type ViaTable = v.InferOutput<typeof viaTable>;
type JumpPodTable = v.InferOutput<typeof jumpPod>;

/** A route in its long form, as far as it says what is reached. */
export interface LongTarget {
  readonly target: string;
  readonly via?: string | ViaTable | undefined;
  readonly container?: string | undefined;
  readonly method?: JumpHost["method"] | undefined;
}

/** An address and how it is reached, before the profile's context and namespace are filled in. */
export type ParsedAddress = Omit<AddressTarget, "cluster">;

/** Pinned by digest: a tag can be moved to other bytes. */
export const defaultJumpImage = "alpine/socat:1.8.0.3@sha256:beb4a68d9e4fe6b0f21ea774a0fde6c31f580dde6368939ed70100c5385b015e";

/** What makes a pod when the profile leaves it open. */
const defaults = {
  image: defaultJumpImage,
  timeout: "60s",
  ttl: "1h",
} as const;

class JumpReader {
  readonly #source: ProfileSource;
  readonly #path: KeyPath;
  #failed = false;

  constructor(source: ProfileSource, path: KeyPath) {
    this.#source = source;
    this.#path = path;
  }

  read({ target, via, container, method }: LongTarget): ParsedAddress | undefined {
    if (via === undefined) return undefined;
    const address = this.#attempt(["target"], () => parseAddress(target));
    const host = typeof via === "string" ? this.#text(via) : this.#table(via);
    this.#checkContainer(container, host?.create);
    if (this.#failed || address === undefined || host === undefined) return undefined;
    return { kind: "address", ...address, via: { ...host, container, method: method ?? "auto" } };
  }

  #problem(path: KeyPath, message: string, hint: string): undefined {
    this.#failed = true;
    this.#source.problem([...this.#path, ...path], message, { hint });
  }

  #attempt<T>(path: KeyPath, work: () => T): T | undefined {
    const value = this.#source.attempt([...this.#path, ...path], "value", work);
    if (value === undefined) this.#failed = true;
    return value;
  }

  #text(text: string): Omit<JumpHost, "container" | "method"> | undefined {
    const host = this.#attempt(["via"], () => parsePodSource(text, "via"));
    return host && { ...host, create: undefined };
  }

  #table(table: ViaTable): Omit<JumpHost, "container" | "method"> | undefined {
    const { service, pod, create } = table;
    if (service !== undefined && pod !== undefined)
      return this.#problem(["via"], "via names both a service and a pod", "keep the one that reaches the target");
    if (service === undefined && pod === undefined)
      return this.#problem(["via"], "via names neither a service nor a pod", 'for example via = { service = "backend-api" }');
    const host = this.#named(table);
    if (create === undefined) return host && { ...host, create };
    if (service !== undefined)
      return this.#problem(
        ["via", "create"],
        "create makes a pod, and via names a service",
        'write via = { pod = "kt-jump", create = {} }',
      );
    const definition = this.#definition(create);
    return host && definition && { ...host, create: definition };
  }

  #named({ service, pod, namespace }: ViaTable): PodSource | undefined {
    const kind = service === undefined ? "pod" : "service";
    const text = service ?? pod ?? "";
    const host = this.#attempt(["via", kind], () => parsePodSource(text, kind, kind));
    if (host !== undefined && host.kind !== kind) {
      const hint = host.kind === "service" || host.kind === "pod" ? `write ${host.kind} = "${host.name}"` : `write via = "${text}"`;
      return this.#problem(["via", kind], `${kind} "${text}" names a ${host.kind}`, hint);
    }
    if (namespace === undefined || host === undefined) return host;
    if (!isLabel(namespace))
      return this.#problem(
        ["via", "namespace"],
        `"${namespace}" is not a valid name of a namespace`,
        "lower case letters, digits and dashes",
      );
    if (host.namespace !== undefined && host.namespace !== namespace)
      return this.#problem(["via", "namespace"], `"${text}" is in another namespace than "${namespace}"`, "name the namespace once");
    return { ...host, namespace };
  }

  #definition(table: JumpPodTable): JumpPodDefinition | undefined {
    const { image = defaults.image, command, timeout = defaults.timeout, ttl = defaults.ttl } = table;
    const path = ["via", "create"];
    if (!isImage(image))
      this.#problem([...path, "image"], `"${image}" is not a valid name of an image`, 'for example "registry.example.com/team/socat:1.8"');
    if (command?.length === 0)
      this.#problem([...path, "command"], "command is an empty list", 'leave it out, or write ["sleep", "infinity"]');
    const timeoutMs = this.#attempt([...path, "timeout"], () => parseDuration(timeout));
    const ttlMs = this.#attempt([...path, "ttl"], () => parseDuration(ttl));
    if (timeoutMs === 0) this.#problem([...path, "timeout"], `"${timeout}" would never let the pod start`, 'for example timeout = "60s"');
    if (ttlMs === 0)
      this.#problem([...path, "ttl"], `"${ttl}" would leave the pod in the cluster without an end`, 'for example ttl = "1h"');
    else if (ttlMs !== undefined && ttlMs < profileLimits.jumpPodTtlMinMs)
      this.#problem([...path, "ttl"], `"${ttl}" is over before the pod can be used`, `at least "${profileLimits.jumpPodTtlMinMs / 1000}s"`);
    return timeoutMs === undefined || ttlMs === undefined ? undefined : { image, command, timeoutMs, ttlMs };
  }

  #checkContainer(container: string | undefined, create: JumpPodDefinition | undefined): void {
    if (container === undefined) return;
    const path = ["container"];
    if (!isLabel(container))
      this.#problem(path, `"${container}" is not a valid name of a container`, "lower case letters, digits and dashes");
    else if (create !== undefined)
      this.#problem(path, "container is for pods that are there", "leave it out: the pod that create makes has one container");
  }
}

/** The address that a route with `via` reaches. Problems are reported to the source; the answer is then undefined. */
export function readJump(source: ProfileSource, path: KeyPath, route: LongTarget): ParsedAddress | undefined {
  return new JumpReader(source, path).read(route);
}
