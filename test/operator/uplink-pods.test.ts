/** The uplinks' keys and pods: what they are made of, and which is replaced next. */

import { describe, expect, test } from "bun:test";
import { readObjects } from "#expose/resources/read-objects.ts";
import { annotations, ordinalOf } from "#operator/cluster/names.ts";
import type { SeenPod } from "#operator/cluster/seen.ts";
import { uplinkKeys } from "#operator/desired/uplink-keys.ts";
import { podTemplate } from "#operator/desired/uplink-pod.ts";
import { nextToReplace, type Replacing } from "#operator/node/replaced-pod.ts";
import { edgeNode } from "#test/support/edge-manifests.ts";

const node = { namespace: "default", name: "vps" };
const image = { name: "kt:1", pullPolicy: undefined, pullSecrets: [] };

function template(spec: object = {}): ReturnType<typeof podTemplate> {
  const read = readObjects([edgeNode("vps", spec)], "default").nodes[0]?.spec;
  if (read === undefined) throw new Error("the manifest is wrong");
  return podTemplate(node, read, image);
}

const hashOf = (spec?: object): string => template(spec).metadata.annotations[annotations.podHash] ?? "";

describe.each([
  ["wireguard", ["0", "1", "2"]],
  ["tls", ["tls-0", "tls-1", "tls-2"]],
] as const)("keys of %s", (transport, names) => {
  test("are made once: what the Secret has stays as it is", () => {
    const first = uplinkKeys({}, [0, 1], transport);
    expect(Object.keys(first.missing)).toEqual([names[0], names[1]]);
    const again = uplinkKeys({ ...first.missing }, [0, 1, 2], transport);
    expect(Object.keys(again.missing)).toEqual([names[2]]);
    expect(again.publicKeys.get(1)).toBe(first.publicKeys.get(1) ?? "");
    expect(Buffer.from(again.publicKeys.get(1) ?? "", "base64").length).toBe(32);
  });

  test("that are something else are named", () => {
    const garbage = { [names[0]]: Buffer.from("garbage").toString("base64") };
    expect(() => uplinkKeys(garbage, [0], transport)).toThrow("the private key of uplink 0");
  });
});

describe("a pod", () => {
  test("has no right that it does not need, and no token", () => {
    const tls = JSON.stringify(template({ tunnel: { transport: "tls" } }).spec);
    expect(tls).toContain('"runAsNonRoot":true');
    expect(tls).not.toContain("NET_ADMIN");
    expect(tls).not.toContain("hostPath");
    const wireguard = JSON.stringify(template().spec);
    expect(wireguard).toContain('"capabilities":{"drop":["ALL"],"add":["NET_ADMIN"]}');
    expect(wireguard).not.toContain("privileged");
    for (const spec of [tls, wireguard]) expect(spec).toContain('"automountServiceAccountToken":false');
  });

  test("keeps away from others of its EdgeNode, unless the affinity is given", () => {
    expect(JSON.stringify(template().spec)).toContain('"topologyKey":"kubernetes.io/hostname"');
    expect(JSON.stringify(template({ uplink: { affinity: {} } }).spec)).toContain('"affinity":{}');
  });

  test("has the labels and annotations of its EdgeNode, but for those that it is found by", () => {
    const { labels } = template({ uplink: { labels: { a: "b", "tunnel.achetronic.com/edge-node": "other" } } }).metadata;
    expect(labels).toMatchObject({ a: "b", "tunnel.achetronic.com/edge-node": "vps", "tunnel.achetronic.com/owner-namespace": "default" });
  });

  test("is another one only by what it must know itself", () => {
    expect(hashOf({ uplink: { labels: { a: "b" }, annotations: { c: "d" }, replicas: 3 } })).toBe(hashOf());
    expect(hashOf({ edge: { healthCheck: { interval: "1s" } }, tunnel: { persistentKeepalive: 5 } })).toBe(hashOf());
    expect(hashOf({ uplink: { resources: { limits: { memory: "64Mi" } } } })).not.toBe(hashOf());
    expect(hashOf({ tunnel: { transport: "tls" } })).not.toBe(hashOf());
  });

  test("is known by its name", () => {
    expect([ordinalOf(node, "vps-uplink-12"), ordinalOf(node, "vps-uplink-x"), ordinalOf(node, "web-uplink-0")]).toEqual([
      12,
      undefined,
      undefined,
    ]);
  });
});

describe("the pod that is replaced next", () => {
  const pod = (ordinal: number, podHash: string, more: Partial<SeenPod> = {}): SeenPod => {
    const meta = { name: `vps-uplink-${ordinal}`, namespace: "tunnel", annotations: { [annotations.podHash]: podHash } };
    return { meta, address: "10.0.0.1", isReady: true, isTerminating: false, ...more };
  };
  const next = (pods: readonly SeenPod[], more: Partial<Replacing> = {}): string | undefined => {
    const options = { node, ordinals: [0, 1, 2], podHash: "new", isHealthy: () => true };
    return nextToReplace({ ...options, pods, ...more })?.meta.name;
  };

  test("is none where all are as wanted", () => {
    expect(next([pod(0, "new"), pod(1, "new"), pod(2, "new")])).toBeUndefined();
  });

  test("is the highest, while all others serve", () => {
    const all = [pod(0, "old"), pod(1, "old"), pod(2, "new")];
    expect(next(all)).toBe("vps-uplink-1");
    expect(next(all, { isHealthy: (ordinal) => ordinal !== 2 })).toBeUndefined();
    expect(next([pod(0, "old"), pod(1, "old"), pod(2, "new", { isReady: false })])).toBeUndefined();
    expect(next([pod(0, "old"), pod(1, "old"), pod(2, "old", { isTerminating: true })])).toBeUndefined();
    expect(next([pod(0, "old"), pod(1, "old")])).toBeUndefined();
  });

  test("is at once one that does not serve", () => {
    expect(next([pod(0, "old", { isReady: false }), pod(1, "old"), pod(2, "new", { isReady: false })])).toBe("vps-uplink-0");
  });
});
