/** Targets as text: every accepted spelling, and a hint that works for the others. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { KtError } from "#base/errors.ts";
import { isCertainPort, parsePort, schemeForPort } from "#route/port.ts";
import { formatTarget, podSourceKinds } from "#route/target.ts";
import { parseTarget } from "#route/target-text.ts";

describe("parseTarget", () => {
  test("knows the kinds by all their names", () => {
    for (const kind of ["svc", "service", "services"]) expect(parseTarget(`${kind}/web:80`).kind).toBe("service");
    for (const kind of ["po", "pod", "pods"]) expect(parseTarget(`${kind}/web:80`).kind).toBe("pod");
    const workloads = {
      deployment: ["deploy", "deployment", "deployments", "deployment.apps"],
      statefulset: ["sts", "statefulset", "statefulsets", "statefulset.apps"],
      replicaset: ["rs", "replicaset", "replicasets", "replicaset.apps"],
      daemonset: ["ds", "daemonset", "daemonsets", "daemonset.apps"],
      job: ["job", "jobs", "job.batch"],
      replicationcontroller: ["rc", "replicationcontroller", "replicationcontrollers"],
    } as const;
    for (const [kind, words] of Object.entries(workloads))
      for (const word of words)
        expect(parseTarget(`shop/${word}/web.0:80`) as object).toMatchObject({ kind, namespace: "shop", name: "web.0" });
  });

  test("knows the kinds in any case, and with their group or version and group, as kubectl prints and takes them", () => {
    const written = {
      deployment: ["Deployment", "DEPLOY", "deployments.apps", "deploy.apps", "deployments.v1.apps", "Deployments.V1.Apps"],
      statefulset: ["statefulsets.apps", "sts.v1.apps"],
      replicaset: ["replicasets.apps", "rs.apps"],
      daemonset: ["daemonsets.v1.apps"],
      job: ["jobs.batch", "jobs.v1.batch"],
      service: ["Service", "services.v1.", "svc.v1"],
      pod: ["Pod", "pods.v1."],
      replicationcontroller: ["ReplicationController", "rc.v1."],
    } as const;
    for (const [kind, words] of Object.entries(written))
      for (const word of words) expect(parseTarget(`${word}/web:80`) as object).toMatchObject({ kind, name: "web" });
    for (const word of ["deployments.v1beta1.apps", "deployments.extensions", "jobs.apps", "pods.apps", "deploy.", ".apps", "svc.v2"])
      expect(() => parseTarget(`${word}/web:80`)).toThrow(/has the kind|is not of the form/);
  });

  test("takes pods with dots and services without", () => {
    expect(parseTarget("shop/pod/web.0:http")).toEqual({ namespace: "shop", kind: "pod", name: "web.0", port: "http" });
    expect(() => parseTarget("svc/web.0:80")).toThrow(KtError);
  });

  test("gives what formatTarget writes", () => {
    const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/);
    const port = fc.oneof(fc.integer({ min: 1, max: 65535 }), label);
    const target = fc.record({
      kind: fc.constantFrom(...podSourceKinds),
      namespace: fc.option(label, { nil: undefined }),
      name: label,
      port,
    });
    fc.assert(
      fc.property(target, (parts) => {
        expect(parseTarget(formatTarget({ ...parts, cluster: { profile: "", context: undefined } }))).toEqual(parts);
      }),
    );
  });

  test("refuses anything else with a hint, whatever it is", () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom("/", ":", "svc", "a", "-", "80", "A", "."), maxLength: 8 }));
    fc.assert(
      fc.property(text, (written) => {
        try {
          parseTarget(written);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(KtError);
          expect(thrown).toMatchObject({ code: "profile-invalid", hints: [expect.any(String)] });
        }
      }),
    );
  });

  test("hints that show a whole target are targets", () => {
    for (const written of ["grafana:80", "monitoring/grafana:80", "svc/web", "svc/web:", "a/svc/web"]) {
      const hints: string[] = [];
      try {
        parseTarget(written);
      } catch (thrown) {
        if (thrown instanceof KtError) hints.push(...thrown.hints);
      }
      const shown = hints.join(" ").match(/(?<=")[^"]+:[^"]+(?=")/g) ?? [];
      expect(shown.length).toBeGreaterThan(0);
      for (const target of shown) expect(parseTarget(target).port).toBeDefined();
    }
  });
});

describe("ports", () => {
  test("are numbers from 1 to 65535 or names", () => {
    expect(["1", "65535", "http", "http-web", "8080-tcp"].map(parsePort)).toEqual([1, 65535, "http", "http-web", "8080-tcp"]);
    for (const text of ["0", "65536", "080", "-1", "", "HTTP", "a_b", "-a", "a-", "1.5", "99999"]) expect(parsePort(text)).toBeUndefined();
  });

  test("are certain from 10 on, and as protocols", () => {
    expect(["10", "80", "65535", "http", "grpc"].every(isCertainPort)).toBe(true);
    expect(["9", "0", "65536", "web", "http-web", "server"].some(isCertainPort)).toBe(false);
  });

  test("say the scheme", () => {
    expect([443, 8443, "https", "https-web"].map(schemeForPort)).toEqual(["https", "https", "https", "https"]);
    expect([80, 4443, "http", "httpsx"].map(schemeForPort)).toEqual(["http", "http", "http", "http"]);
  });
});
