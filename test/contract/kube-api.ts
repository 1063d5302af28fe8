/** What kt relies on in a Kubernetes API, as one suite that runs on the embedded server and on a real cluster. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { headerValue } from "#wire/http-head.ts";
import { parseForwardFailure } from "#wire/portforward.ts";
import type { ApiAccess } from "./api-access.ts";
import { askUpgrade, ForwardClient, ways } from "./forward-client.ts";
import { type RawResponse, rawRequest } from "./raw-request.ts";

/** A cluster with what the suite needs in one namespace. */
export interface ContractCluster {
  readonly access: ApiAccess;
  readonly namespace: string;
  /** Ready, labelled app=echo; echoes on 7000, sends and ends first on 7003, resets on 7004, greets on 7005, nothing on 7999. */
  readonly pod: string;
  /** The service before it: port "echo" 7000, and its slice has the pod. */
  readonly service: string;
  /** A workload of this name of every kind but job, without pods, selecting app=idle. */
  readonly workload: string;
  /** A user who may `get` pods/portforward and nothing else. */
  readonly getter: string;
  /** Adds or replaces a label of the pod. */
  label(pod: string, value: string): Promise<void>;
  /** Starts one more pod of the same kind, labelled app=victim; resolves when it is ready. */
  startVictim(name: string): Promise<void>;
  deletePod(name: string): Promise<void>;
  close(): Promise<void>;
}

interface Answer {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly items: readonly { readonly metadata: Readonly<Record<string, string>>; readonly [field: string]: unknown }[];
  readonly message: string;
  readonly reason: string;
  readonly code: number;
  readonly details: Readonly<Record<string, string>>;
  readonly status: { readonly allowed?: boolean };
}

interface WatchEvent {
  readonly type: string;
  readonly object: {
    readonly kind: string;
    readonly metadata: { readonly name: string; readonly resourceVersion: string };
    readonly code?: number;
  };
}

/** For the real cluster, where a pod takes seconds to start and to end. */
const patientMs = 30_000;

export function kubeApiContract(title: string, open: () => Promise<ContractCluster>): void {
  describe(`the Kubernetes API (${title})`, () => {
    let cluster: ContractCluster;
    beforeAll(async () => {
      cluster = await open();
    }, patientMs);
    afterAll(async () => await cluster?.close(), patientMs);

    const get = async (path: string, options: Parameters<typeof rawRequest>[2] = {}): Promise<{ response: RawResponse; body: Answer }> => {
      const response = await rawRequest(cluster.access, path, options);
      return { response, body: JSON.parse(await response.text()) };
    };
    const core = (rest: string): string => `/api/v1/namespaces/${cluster.namespace}/${rest}`;
    const slices = (rest: string): string => `/apis/discovery.k8s.io/v1/namespaces/${cluster.namespace}/endpointslices${rest}`;
    const forwardPath = (pod = cluster.pod): string => core(`pods/${pod}/portforward`);
    const asStranger = { headers: [["Impersonate-User", "stranger"]] } as const;

    describe("lists", () => {
      test("have a kind, a version and items without either", async () => {
        const { response, body } = await get(core("pods"));
        expect(response.head.status).toBe(200);
        expect(headerValue(response.head.headers, "content-type")).toBe("application/json");
        expect([body.kind, body.apiVersion]).toEqual(["PodList", "v1"]);
        expect(Number(body.metadata["resourceVersion"])).toBeGreaterThan(0);
        expect(body.items.map(({ metadata }) => metadata["name"])).toContain(cluster.pod);
        expect(body.items[0]).not.toHaveProperty("kind");
      });

      test("of slices name the pod, its conditions and its port", async () => {
        const { body } = await get(slices(`?labelSelector=kubernetes.io%2Fservice-name%3D${cluster.service}`));
        expect([body.kind, body.apiVersion]).toEqual(["EndpointSliceList", "discovery.k8s.io/v1"]);
        expect(body.items).toHaveLength(1);
        expect(body.items[0]).toMatchObject({
          addressType: "IPv4",
          endpoints: [
            {
              conditions: { ready: true, serving: true, terminating: false },
              targetRef: { kind: "Pod", name: cluster.pod, namespace: cluster.namespace },
            },
          ],
          ports: [{ name: "echo", port: 7000, protocol: "TCP" }],
        });
      });

      test("are empty in a namespace that does not exist", async () => {
        const { response, body } = await get("/api/v1/namespaces/kt-contract-none/pods");
        expect(response.head.status).toBe(200);
        expect(body.items).toEqual([]);
      });

      test.each([
        ["app=echo", true],
        ["app==echo", true],
        ["app!=echo", false],
        ["app in (echo,other)", true],
        ["app in (other)", false],
        ["app notin (other)", true],
        ["app", true],
        ["!app", false],
        ["app=echo,nothing", false],
      ])("by label %p", async (selector, found) => {
        const { body } = await get(core(`pods?labelSelector=${encodeURIComponent(selector)}`));
        expect(body.items.some(({ metadata }) => metadata["name"] === cluster.pod)).toBe(found);
      });

      test("by name", async () => {
        const { body } = await get(core(`pods?fieldSelector=metadata.name%3D${cluster.pod}`));
        expect(body.items.map(({ metadata }) => metadata["name"])).toEqual([cluster.pod]);
      });

      test.each([
        ["labelSelector=app+in+(a", "unable to parse requirement: found '', expected: ',' or ')'"],
        ["fieldSelector=foo.bar%3D1", "field label not supported: foo.bar"],
      ])("refuse %p", async (query, message) => {
        const { response, body } = await get(core(`pods?${query}`));
        expect(response.head.status).toBe(400);
        expect(body).toMatchObject({ kind: "Status", status: "Failure", reason: "BadRequest", code: 400, message });
      });
    });

    describe("objects", () => {
      test("have their kind", async () => {
        const { body } = await get(core(`services/${cluster.service}`));
        expect(body).toMatchObject({ kind: "Service", apiVersion: "v1", metadata: { name: cluster.service } });
      });

      test("say what a pod is doing", async () => {
        const { body } = await get(core(`pods/${cluster.pod}`));
        expect(body).toMatchObject({ kind: "Pod", status: { phase: "Running" } });
        const { conditions } = body.status as { conditions?: { type: string; status: string }[] };
        expect(conditions?.find(({ type }) => type === "Ready")?.status).toBe("True");
      });

      test("that are not there", async () => {
        const { response, body } = await get(core("services/none"));
        expect(response.head.status).toBe(404);
        const whole: object = {
          kind: "Status",
          apiVersion: "v1",
          metadata: {},
          status: "Failure",
          message: 'services "none" not found',
          reason: "NotFound",
          details: { name: "none", kind: "services" },
          code: 404,
        };
        expect<object>(body).toEqual(whole);
      });

      test.each([
        ["apps", "deployments", "Deployment"],
        ["apps", "statefulsets", "StatefulSet"],
        ["apps", "replicasets", "ReplicaSet"],
        ["apps", "daemonsets", "DaemonSet"],
      ])("of %s/%s have a selector, by name and in a list of one", async (group, resource, kind) => {
        const path = `/apis/${group}/v1/namespaces/${cluster.namespace}/${resource}`;
        const spec = { selector: { matchLabels: { app: "idle" } } };
        const { body } = await get(`${path}/${cluster.workload}`);
        expect(body).toMatchObject({ kind, apiVersion: `${group}/v1`, metadata: { name: cluster.workload }, spec });
        const list = await get(`${path}?fieldSelector=metadata.name%3D${cluster.workload}`);
        expect(list.body).toMatchObject({ kind: `${kind}List`, items: [{ metadata: { name: cluster.workload }, spec }] });
        const none = await get(`${path}/none`);
        expect([none.response.head.status, none.body.message]).toEqual([404, `${resource}.${group} "none" not found`]);
      });

      test("of kinds that are not there", async () => {
        const { response, body } = await get(core("nothings"));
        expect(response.head.status).toBe(404);
        expect(body.message).toBe("the server could not find the requested resource");
      });
    });

    describe("access", () => {
      test("without credentials that count is 401", async () => {
        const { cert: _cert, key: _key, ...tls } = cluster.access.tls;
        const stranger = { ...cluster.access, tls, authorization: "Bearer nonsense" };
        const response = await rawRequest(stranger, core("pods"));
        expect(response.head.status).toBe(401);
        expect(JSON.parse(await response.text())).toMatchObject({
          kind: "Status",
          reason: "Unauthorized",
          message: "Unauthorized",
          code: 401,
        });
      });

      test.each([
        ["services", 'services is forbidden: User "stranger" cannot list resource "services" in API group "" in the namespace "NS"'],
        ["services/x", 'services "x" is forbidden: User "stranger" cannot get resource "services" in API group "" in the namespace "NS"'],
        ["pods?watch=1", 'pods is forbidden: User "stranger" cannot watch resource "pods" in API group "" in the namespace "NS"'],
      ])("to %p is 403 without permission", async (rest, message) => {
        const { response, body } = await get(core(rest), asStranger);
        expect(response.head.status).toBe(403);
        expect(body.message).toBe(message.replace("NS", cluster.namespace));
        expect(body).toMatchObject({ reason: "Forbidden", details: { kind: rest.split(/[/?]/)[0] ?? "" }, code: 403 });
      });

      test("to slices names their group", async () => {
        const { body } = await get(slices(""), asStranger);
        expect(body.message).toBe(
          `endpointslices.discovery.k8s.io is forbidden: User "stranger" cannot list resource "endpointslices" in API group "discovery.k8s.io" in the namespace "${cluster.namespace}"`,
        );
        expect(body.details).toEqual({ group: "discovery.k8s.io", kind: "endpointslices" });
      });

      test.each([
        ["spdy-post", "create"],
        ["spdy-get", "get"],
        ["websocket", "get"],
      ] as const)("to forward with %s needs %s", async (way, verb) => {
        const { head, conn } = await askUpgrade(cluster.access, forwardPath(), way, asStranger.headers);
        const text = await bodyOf(conn);
        expect(head.status).toBe(403);
        expect(text).toContain(
          `User \\"stranger\\" cannot ${verb} resource \\"pods/portforward\\" in API group \\"\\" in the namespace \\"${cluster.namespace}\\"`,
        );
      });

      test.each(["spdy-get", "websocket"] as const)("to forward with %s needs create as well, and says nothing of it", async (way) => {
        const { head, conn } = await askUpgrade(cluster.access, forwardPath(), way, [["Impersonate-User", cluster.getter]]);
        expect(JSON.parse(await bodyOf(conn))).toMatchObject({
          message: `pods "${cluster.pod}" is forbidden: `,
          reason: "Forbidden",
          code: 403,
        });
        expect(head.status).toBe(403);
      });

      test.each([
        [[], true],
        [[["Impersonate-User", "stranger"] as const, ["Impersonate-Group", "system:authenticated"] as const], false],
      ])("can be asked about as %j", async (headers, allowed) => {
        const spec = { resourceAttributes: { namespace: cluster.namespace, verb: "get", resource: "pods", subresource: "portforward" } };
        const body = JSON.stringify({ kind: "SelfSubjectAccessReview", apiVersion: "authorization.k8s.io/v1", spec });
        const answer = await get("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", { method: "POST", headers, body });
        expect(answer.response.head.status).toBe(201);
        expect(answer.body.status.allowed).toBe(allowed);
      });
    });

    describe("watches", () => {
      const watch = (query: string): Promise<RawResponse> => rawRequest(cluster.access, core(`pods?watch=1&${query}`));
      const event = async (response: RawResponse): Promise<WatchEvent> => JSON.parse((await response.line()) ?? "null");
      const version = async (): Promise<string> => (await get(core("pods"))).body.metadata["resourceVersion"] ?? "";

      test("begin with all that is there when no version is given", async () => {
        const response = await watch(`fieldSelector=metadata.name%3D${cluster.pod}`);
        const first = await event(response);
        response.abort();
        expect(first).toMatchObject({ type: "ADDED", object: { kind: "Pod", apiVersion: "v1", metadata: { name: cluster.pod } } });
      });

      test("tell what changed since a version, and end when their time is up", async () => {
        const since = await version();
        await cluster.label(cluster.pod, "first");
        const response = await watch(`resourceVersion=${since}&timeoutSeconds=1&labelSelector=mark%3Dfirst`);
        const told = await event(response);
        expect(told).toMatchObject({ type: "ADDED", object: { metadata: { name: cluster.pod, labels: { mark: "first" } } } });
        expect(Number(told.object.metadata.resourceVersion)).toBeGreaterThan(Number(since));
        expect(await response.text()).not.toContain('"type":"ERROR"');
      });

      test("tell a change of what is selected as MODIFIED, and as DELETED once it is not", async () => {
        await cluster.label(cluster.pod, "second");
        const response = await watch(`resourceVersion=${await version()}&labelSelector=mark+in+(second,third)`);
        await cluster.label(cluster.pod, "third");
        expect(await event(response)).toMatchObject({ type: "MODIFIED", object: { metadata: { name: cluster.pod } } });
        await cluster.label(cluster.pod, "fourth");
        expect(await event(response)).toMatchObject({ type: "DELETED", object: { metadata: { name: cluster.pod } } });
        response.abort();
      });

      test(
        "tell a pod that comes and goes",
        async () => {
          const response = await watch(`resourceVersion=${await version()}&labelSelector=app%3Dvictim`);
          await cluster.startVictim("watched");
          expect(await event(response)).toMatchObject({ type: "ADDED", object: { metadata: { name: "watched" } } });
          await cluster.deletePod("watched");
          const types: string[] = [];
          let last: WatchEvent;
          do {
            last = await event(response);
            types.push(last.type);
          } while (last.type !== "DELETED");
          expect(types.slice(0, -1).every((type) => type === "MODIFIED")).toBe(true);
          expect(last.object.metadata).toHaveProperty("deletionTimestamp");
          response.abort();
        },
        patientMs,
      );

      test("from a version that is not a number are refused", async () => {
        const { response, body } = await get(core("pods?watch=1&resourceVersion=abc"));
        expect(response.head.status).toBe(500);
        expect(body.message).toBe('resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax');
      });

      test("from a version that is forgotten say so in the stream", async () => {
        const response = await watch("resourceVersion=1");
        expect(response.head.status).toBe(200);
        const told = await event(response);
        // A real cluster younger than its first compaction still knows.
        if (told.type === "ADDED" && title !== "embedded") return response.abort();
        expect(told).toMatchObject({ type: "ERROR", object: { kind: "Status", reason: "Expired", code: 410 } });
        expect(told.object).toHaveProperty("message", expect.stringMatching(/^too old resource version: 1 \(\d+\)$/));
        expect(await response.text()).toBe("");
      });
    });

    describe.each(ways)("forwarding with %s", (way) => {
      const open = (pod?: string): Promise<ForwardClient> => ForwardClient.open(cluster.access, forwardPath(pod), way);

      test("negotiates the protocol", async () => {
        const { head, conn } = await askUpgrade(cluster.access, forwardPath(), way);
        conn.abort();
        expect(head.status).toBe(101);
        expect(head.upgrade?.toLowerCase()).toBe(way === "websocket" ? "websocket" : "spdy/3.1");
        const [header, value] =
          way === "websocket"
            ? (["sec-websocket-protocol", "SPDY/3.1+portforward.k8s.io"] as const)
            : (["x-stream-protocol-version", "portforward.k8s.io"] as const);
        expect(headerValue(head.headers, header)).toBe(value);
      });

      test("to a pod that does not exist is 404", async () => {
        const { head, conn } = await askUpgrade(cluster.access, forwardPath("none"), way);
        expect(head.status).toBe(404);
        expect(JSON.parse(await bodyOf(conn))).toMatchObject({
          kind: "Status",
          message: 'pods "none" not found',
          reason: "NotFound",
          code: 404,
        });
      });

      test("carries bytes both ways, and several connections at once", async () => {
        const client = await open();
        const all = Array.from({ length: 8 }, () => client.forward(7000));
        const megabyte = new Uint8Array(1 << 20).map((_, at) => at * 31);
        for (const [index, one] of all.entries()) {
          client.write(one, `${index}:`);
          client.write(one, megabyte);
        }
        for (const [index, { data }] of all.entries()) {
          await data.until(({ bytes }) => bytes.length === megabyte.length + 2);
          expect(data.text.slice(0, 2)).toBe(`${index}:`);
          expect(Buffer.compare(data.bytes.subarray(2), megabyte)).toBe(0);
        }
        client.abort();
      }, 15_000);

      test("lets the pod speak first", async () => {
        const client = await open();
        const { data } = client.forward(7005);
        await data.until(({ text }) => text.endsWith("\r\n"));
        expect(data.text).toMatch(/^220 \S+ ready\r\n$/);
        client.abort();
      });

      test("tells a refused port on the error stream, and the session lives on", async () => {
        const client = await open();
        const refused = client.forward(7999);
        await refused.error.until(({ ended }) => ended);
        await refused.data.until(({ ended }) => ended);
        expect(parseForwardFailure(refused.error.text).kind).toBe("refused");
        expect(refused.error.text).toMatch(/^error forwarding port 7999 to pod [0-9a-f]{64}, uid : /);
        expect(refused.data.bytes).toHaveLength(0);
        await expectEcho(client);
        client.abort();
      });

      test("delivers everything when the pod ends first, and ends the stream", async () => {
        const client = await open();
        const { data, error } = client.forward(7003);
        await data.until(({ ended }) => ended);
        await error.until(({ ended }) => ended);
        expect(data.bytes).toHaveLength(8 << 20);
        expect(error.text).toBe("");
        client.abort();
      }, 10_000);

      test("sends what was on its way back after our half has ended", async () => {
        const client = await open();
        const one = client.forward(7000);
        client.write(one, "last words");
        client.end(one);
        await one.data.until(({ ended }) => ended);
        await one.error.until(({ ended }) => ended);
        expect([one.data.text, one.error.text]).toEqual(["last words", ""]);
        client.abort();
      });

      test("harms only the connection that the pod resets", async () => {
        const client = await open();
        const other = client.forward(7000);
        client.write(other, "a");
        await other.data.until(({ text }) => text === "a");
        const reset = client.forward(7004);
        await reset.data.until(({ over }) => over);
        client.write(other, "b");
        await other.data.until(({ text }) => text === "ab");
        client.abort();
      });

      test("harms only the connection that we reset", async () => {
        const client = await open();
        const [one, other] = [client.forward(7005), client.forward(7000)];
        await one.data.until(({ bytes }) => bytes.length > 0);
        client.reset(one);
        client.write(other, "still here");
        await other.data.until(({ text }) => text === "still here");
        await expectEcho(client);
        client.abort();
      });

      test("resets streams whose headers make no sense", async () => {
        const client = await open();
        const bad = client.forward(0);
        await bad.data.until(({ over }) => over);
        expect(bad.data.resetStatus).toBeDefined();
        await expectEcho(client);
        client.abort();
      });

      test("answers pings", async () => {
        const client = await open();
        await client.ping();
        client.abort();
      });

      test(
        "to a pod that is deleted ends its connections, and refuses new ones on the same session",
        async () => {
          const name = `gone-${way}`;
          await cluster.startVictim(name);
          const client = await open(name);
          const before = client.forward(7000);
          client.write(before, "a");
          await before.data.until(({ text }) => text === "a");
          await cluster.deletePod(name);
          await before.data.until(({ over }) => over);
          const after = client.forward(7000);
          await after.error.until(({ ended }) => ended);
          expect(parseForwardFailure(after.error.text).kind).toBe("pod-gone");
          client.abort();
        },
        patientMs,
      );
    });

    test("forwarding without an upgrade is 400", async () => {
      const { response, body } = await get(forwardPath(), { method: "POST" });
      expect(response.head.status).toBe(400);
      expect(body).toMatchObject({ kind: "Status", message: "Upgrade request required", reason: "BadRequest" });
    });

    test("forwarding in a protocol that is none is refused", async () => {
      const headers = [
        ["Connection", "Upgrade"] as const,
        ["Upgrade", "SPDY/3.1"] as const,
        ["X-Stream-Protocol-Version", "other"] as const,
      ];
      const response = await rawRequest(cluster.access, forwardPath(), { method: "POST", headers });
      const text = await response.text();
      expect([response.head.status, text.trim()]).toEqual([
        403,
        "unable to upgrade: unable to negotiate protocol: client supports [other], server accepts [portforward.k8s.io]",
      ]);
    });

    async function expectEcho(client: ForwardClient): Promise<void> {
      const one = client.forward(7000);
      client.write(one, "echo");
      await one.data.until(({ text }) => text === "echo");
    }
  });
}

/** What follows the head of an answer that is not an upgrade. */
async function bodyOf(conn: Awaited<ReturnType<typeof askUpgrade>>["conn"]): Promise<string> {
  const chunks: Uint8Array[] = [];
  return await new Promise((resolve) => {
    const finish = (): void => {
      conn.abort();
      resolve(Buffer.concat(chunks).toString());
    };
    conn.start({
      onData(bytes) {
        chunks.push(bytes);
        // Answers to upgrades are Status objects on one line.
        if (Buffer.concat(chunks).toString().endsWith("}\n")) finish();
      },
      onEnd: finish,
      onDrain() {},
      onClose: finish,
    });
  });
}
