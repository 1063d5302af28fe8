/** The manifest of jump pods: fit for restricted namespaces, with an end, and every argument as it was written. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parsePod } from "#kube/write/pods.ts";
import { definitionText, isHeldByOthers, isOurs, isPlain, jumpPodManifest, lacksShell } from "#tunnel/jump-pod/manifest.ts";
import { watchdogScript } from "#tunnel/jump-pod/watchdog.ts";

interface Manifest {
  readonly metadata: { readonly labels: Record<string, string>; readonly annotations: Record<string, string> };
  readonly spec: {
    readonly activeDeadlineSeconds: number;
    readonly containers: readonly [{ readonly command?: readonly string[] }];
  };
}

const hourMs = 3_600_000;
const request = {
  name: "kt-jump",
  namespace: "shop",
  create: { image: "alpine/socat:1", command: undefined, timeoutMs: 60_000, ttlMs: hourMs } as {
    image: string;
    command: readonly string[] | undefined;
    timeoutMs: number;
    ttlMs: number;
  },
  holder: { id: "aaaaaaaaaaaa", user: "ann o'neil@laptop.local" },
  profiles: ["shop"],
  routes: ["5433", "admin.localhost"],
  leaseUntilMs: Date.UTC(2030, 0, 1),
  plain: false,
};

const make = (change: Partial<typeof request> = {}): Manifest => jumpPodManifest({ ...request, ...change }) as unknown as Manifest;

/** What the kubelet makes of an argument (k8s.io/kubernetes third_party/forked/golang/expansion). */
function expand(argument: string): string {
  return argument.replaceAll(/\$\$|\$\([^)]*\)/g, (match) => (match === "$$" ? "$" : "EXPANDED"));
}

describe("the manifest", () => {
  test("fits the restricted standard, has limits, no token and an end", () => {
    expect(make()).toMatchObject({
      spec: {
        restartPolicy: "Never",
        activeDeadlineSeconds: 86_400,
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: { runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, seccompProfile: { type: "RuntimeDefault" } },
        containers: [
          {
            securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
            resources: { requests: { cpu: "10m", memory: "16Mi" }, limits: { cpu: "500m", memory: "256Mi" } },
          },
        ],
      },
    });
  });

  test("ends at the latest after a day, or when its time to live is longer, then", () => {
    const deadline = (ttlMs: number, plain = false): number =>
      make({ create: { ...request.create, ttlMs }, plain }).spec.activeDeadlineSeconds;
    expect([deadline(1), deadline(hourMs), deadline(48 * hourMs)]).toEqual([86_400, 86_400, 2 * 86_400]);
    expect([deadline(1, true), deadline(hourMs, true)]).toEqual([1, 3600]);
  });

  test("says who, why and how, and is known again by it", () => {
    const { metadata } = make();
    expect(metadata.labels["kt.dev/made-by"]).toMatch(/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/);
    expect(metadata.annotations).toMatchObject({
      "kt.dev/made-by": "ann o'neil@laptop.local",
      "kt.dev/profile": "shop",
      "kt.dev/routes": "5433, admin.localhost",
      "kt.dev/definition": definitionText(request.create),
    });
    const pod = parsePod({ metadata: { name: "kt-jump", ...metadata } });
    expect([isOurs(pod), isPlain(pod)]).toEqual([true, false]);
    expect(isHeldByOthers(pod, { id: "b", user: "" }, request.leaseUntilMs - 1)).toBe(true);
    expect(isHeldByOthers(pod, { id: "b", user: "" }, request.leaseUntilMs)).toBe(false);
    expect(isHeldByOthers(pod, request.holder, 0)).toBe(false);
  });

  test("gives every argument as it is written: the kubelet would fill in $(VAR)", () => {
    const argument = fc.string({ unit: fc.constantFrom("$", "(", ")", "A", " ", "'", "$$(") });
    fc.assert(
      fc.property(fc.array(argument, { maxLength: 3 }), (command) => {
        const [container] = make({ create: { ...request.create, command } }).spec.containers;
        expect(container.command?.map(expand)).toEqual(["/bin/sh", "-c", watchdogScript, "kt-jump", "3600", ...command]);
      }),
    );
  });

  test("without the script runs the command alone, or what the image runs", () => {
    expect(make({ plain: true }).spec.containers[0]).not.toHaveProperty("command");
    const create = { ...request.create, command: ["sleep", "infinity"] };
    expect(make({ plain: true, create }).spec.containers[0].command).toEqual(["sleep", "infinity"]);
  });

  test("is the same pod for equal definitions, whatever their timeout", () => {
    const { create } = request;
    expect(definitionText({ ...create, timeoutMs: 1 })).toBe(definitionText(create));
    for (const change of [{ image: "other" }, { command: [] }, { ttlMs: 1 }])
      expect(definitionText({ ...create, ...change })).not.toBe(definitionText(create));
  });
});

test("a missing shell is known by the words of containerd and CRI-O", () => {
  const words = [
    'failed to create containerd task: exec: "/bin/sh": stat /bin/sh: no such file or directory',
    "container create failed: executable file `/bin/sh` not found: No such file or directory",
  ];
  for (const message of words) {
    const containerStatuses = [{ name: "jump", state: { terminated: { exitCode: 128, reason: "StartError", message } } }];
    expect(lacksShell(parsePod({ status: { phase: "Failed", containerStatuses } }))).toBe(true);
  }
  const other = [{ name: "jump", state: { terminated: { exitCode: 1, reason: "Error", message: "/bin/sh: syntax error" } } }];
  expect(lacksShell(parsePod({ status: { phase: "Failed", containerStatuses: other } }))).toBe(false);
});
