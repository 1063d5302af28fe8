/** The relay's Job: there while it is used and gone afterwards, however its hub, its pod or its node ends; and where it cannot run. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { write } from "bun";
import { adminKubeconfig, apply, kubectl, namespace, ownCluster, run } from "#test/support/cluster.ts";
import { importImage } from "#test/support/relay-image.ts";
import { type Machine, RelaySpace } from "#test/support/relay-space.ts";
import { eventually, within } from "#test/support/wait.ts";
import { relayVersion } from "#wire/relay-frame.ts";

/** The image can only be put into the runtime of our own cluster. */
const cases = describe.skipIf(!ownCluster);

const echoTarget = `web.${namespace}.svc:7000`;
const root = new URL("../../", import.meta.url).pathname;
const webTarget = `web.${namespace}.svc:80`;

let space: RelaySpace;
/** Its hub is killed at the beginning: that its relay goes takes more than a minute, in which the other cases run. */
let killed: { readonly machine: Machine; readonly atMs: number };

beforeAll(async () => {
  if (!ownCluster) return;
  space = await RelaySpace.make("relay-job");
  const machine = await space.lasting([echoTarget], { group: "killed" }).up();
  await machine.echo();
  for (const pid of machine.home.pids()) process.kill(pid, "SIGKILL");
  killed = { machine, atMs: performance.now() };
}, 180_000);
afterEach(() => space?.endCase(), 60_000);
afterAll(async () => {
  await killed?.machine.home.close();
  await space?.close();
}, 180_000);

/** Asks on one connection after the other, four at a time, until it is stopped; gives all answers. */
function asking(machine: Machine): () => Promise<readonly string[]> {
  const answers: string[] = [];
  let over = false;
  const clients = Array.from({ length: 4 }, async () => {
    while (!over) answers.push(await machine.get("/"));
  });
  return async () => {
    const known = answers.length;
    await eventually("more answers", () => answers.length > known + 20, 60_000);
    over = true;
    await Promise.all(clients);
    return answers;
  };
}

const isGood = (answer: string): boolean => answer.startsWith("HTTP/1.1 200");

async function otherThan(before: readonly string[]): Promise<void> {
  await eventually("another relay", async () => (await space.pods()).some((pod) => !before.includes(pod)), 60_000, 200);
}

cases("the Job", () => {
  test("fits the restricted standard, mounts no token, and has limits and an end", async () => {
    const machine = await space.machine([echoTarget]).up();
    await machine.echo();
    const spec = (await space.jobs())[0]?.spec as { activeDeadlineSeconds: number; template: { spec: { containers: [PodContainer] } } };
    expect(spec).toMatchObject({ backoffLimit: 0, ttlSecondsAfterFinished: 5 });
    expect(spec.activeDeadlineSeconds).toBeGreaterThan(0);
    const pod = spec.template.spec;
    expect(pod).toMatchObject({ automountServiceAccountToken: false, securityContext: { runAsNonRoot: true } });
    const [container] = pod.containers;
    expect(container.securityContext).toMatchObject({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false });
    expect(container.resources.limits.memory).toBeString();
  }, 60_000);

  test("is gone within 30 s of kt down", async () => {
    const machine = await space.machine([echoTarget]).up();
    await machine.echo();
    await machine.ok("down");
    await eventually("the Job to be gone", async () => (await space.jobs()).length === 0, 30_000, 200);
  }, 60_000);

  test("is shared by two users, and stays for the one who goes on", async () => {
    const [one, other] = [await space.machine([echoTarget]).up(), await space.machine([echoTarget]).up()];
    const [first, second] = [await one.echo(), await other.echo()];
    expect((await space.jobs()).length).toBe(1);
    first.abort();
    await one.ok("down");
    second.write("still here");
    await within(30_000, "the other user's connection to go on", second.readUntil("still here"));
    expect((await space.jobs()).length).toBe(1);
    await other.echo();
  }, 60_000);

  test("is another one for a user whose profile says something else of it", async () => {
    const plain = await space.machine([echoTarget]).up();
    const large = await space.machine([echoTarget], { relay: 'resources = { limits = { memory = "600Mi" } }' }).up();
    await plain.echo();
    await large.echo();
    expect((await space.jobs()).length).toBe(2);
    await large.ok("down");
    await plain.echo();
  }, 60_000);

  test("is made again at once when it was deleted under an open connection, which goes on", async () => {
    const machine = await space.machine([echoTarget]).up();
    const open = await machine.echo();
    const [job] = await space.jobs();
    await kubectl("-n", space.name, "delete", "job", job?.metadata.name ?? "", "--wait=false");
    await eventually("another Job", async () => (await space.jobs()).some(({ metadata }) => metadata.uid !== job?.metadata.uid), 30_000);
    await machine.echo();
    open.write("still here");
    await within(30_000, "the open connection to go on", open.readUntil("still here"));
  }, 90_000);
});

interface PodContainer {
  readonly securityContext: object;
  readonly resources: { readonly limits: { readonly memory: string } };
}

cases("a relay", () => {
  test("whose node is drained is replaced at once: what is open goes on, and every new connection is answered", async () => {
    const machine = await space.machine([webTarget, echoTarget]).up();
    const open = await machine.echo(1);
    const before = await space.pods();
    const stop = asking(machine);
    // As kubectl drain does.
    const eviction = JSON.stringify({ apiVersion: "policy/v1", kind: "Eviction", metadata: { namespace: space.name, name: before[0] } });
    await run(
      [
        "kubectl",
        "--kubeconfig",
        adminKubeconfig,
        "create",
        "--raw",
        `/api/v1/namespaces/${space.name}/pods/${before[0]}/eviction`,
        "-f",
        "-",
      ],
      { input: eviction },
    );
    await otherThan(before);
    await space.ready();
    open.write("still here");
    await within(30_000, "the open connection to go on", open.readUntil("still here"));
    expect((await stop()).filter((answer) => !isGood(answer))).toEqual([]);
  }, 120_000);

  test("that is killed under load takes only what had begun with it", async () => {
    const machine = await space.machine([webTarget]).up();
    expect(isGood(await machine.get("/"))).toBe(true);
    const before = await space.pods();
    const stop = asking(machine);
    await kubectl("-n", space.name, "delete", "pod", ...before, "--grace-period=0", "--force");
    await otherThan(before);
    const answers = await stop();
    // At most one of each of the four clients.
    expect(answers.filter((answer) => !isGood(answer)).length).toBeLessThanOrEqual(4);
  }, 120_000);

  test("that runs carries jump routes, fifty at once, without a process in the jump host", async () => {
    await space.applyTeller("told", "8080");
    await space.applyPod("jump", { image: "kt.test/jump:1" });
    const told = await kubectl("-n", space.name, "get", "pod", "told", "-o", "jsonpath={.status.podIP}");
    const more = (port: number): string => `[tcp."127.0.0.1:${port}"]\ntarget = "${told}:8080"\nvia = "pod/jump"\n`;
    const machine = await space.machine([echoTarget], { more }).up();
    await machine.echo();
    const [pod = ""] = await space.pods();
    const relay = await kubectl("-n", space.name, "get", "pod", pod, "-o", "jsonpath={.status.podIP}");
    const seen = await Promise.all(Array.from({ length: 50 }, () => machine.seenFrom(1)));
    expect(new Set(seen.map((address) => address.replace("::ffff:", "").replace(/[[\]]/g, "")))).toEqual(new Set([relay]));
  }, 120_000);
});

/** Answers as a relay of the next version would; the image of another kt. */
async function importOtherVersion(): Promise<Awaited<ReturnType<typeof importImage>>> {
  const folder = mkdtempSync(`${tmpdir()}/kt-other-`);
  const source = `import { listen } from "bun";
    import { encodeRelayFrame } from "#wire/relay-frame.ts";
    const hello = encodeRelayFrame({ type: "hello", version: ${relayVersion + 1}, id: "" });
    listen({ hostname: "127.0.0.1", port: 8990, socket: { open: (socket) => void socket.write(hello), data() {} } });`;
  const path = `${root}dist/other-version.ts`;
  try {
    await write(path, source);
    const built = await run([process.execPath, "build", "--compile", path, "--outfile", `${folder}/kt`], { cwd: root });
    if (built.exitCode !== 0) throw new Error(built.stderr);
    return await importImage(`${folder}/kt`, "other");
  } finally {
    rmSync(folder, { recursive: true });
    rmSync(path);
  }
}

cases("where the relay cannot run, one sentence says why:", () => {
  const problem = async (relay: string): Promise<string> => {
    const machine = await space.machine([echoTarget], { relay }).up();
    await machine.refusal();
    return await machine.ok("logs");
  };

  test("an image that is missing", async () => {
    expect(await problem('image = "kt.test/none:1"')).toMatch(
      /the relay with the image "kt\.test\/none:1" does not start: .*(ErrImagePull|ImagePullBackOff)/,
    );
  }, 90_000);

  test("an image that ends, and one that goes on and is not a relay", async () => {
    expect(await problem('image = "kt.test/jump:1"')).toMatch(/the relay with the image "kt\.test\/jump:1" does not start: .*exit code 1/);
    expect(await problem('image = "kt.test/app:1"')).toMatch(/the relay with the image "kt\.test\/app:1" does not start: .*refused/);
  }, 120_000);

  test("an image of another version", async () => {
    const other = await importOtherVersion();
    try {
      expect(await problem(`image = "${other.name}"`)).toContain(
        `the relay uses version ${relayVersion + 1} of its protocol, and this kt uses version ${relayVersion}`,
      );
    } finally {
      await other.remove();
    }
  }, 120_000);

  test("no node that has room for it", async () => {
    expect(await problem('resources = { requests = { memory = "900Ti" }, limits = { memory = "900Ti" } }')).toMatch(
      /the relay with the image .* does not start: .*is unschedulable.*[Ii]nsufficient memory/,
    );
  }, 90_000);

  test.each([
    ["Jobs", "count/jobs.batch", /the cluster does not take the relay .*exceeded quota/],
    ["pods", "pods", /the relay with the image .* does not start: .*exceeded quota/],
  ])(
    "a quota that forbids %s",
    async (_, what, sentence) => {
      await apply(space.object("ResourceQuota", "none", { spec: { hard: { [what]: "0" } } }));
      try {
        expect(await problem("")).toMatch(sentence);
      } finally {
        await kubectl("-n", space.name, "delete", "resourcequota", "none");
      }
    },
    90_000,
  );
});

cases("a hub that is killed", () => {
  test("leaves a relay that is gone within 90 s", async () => {
    const leftMs = Math.max(1, 90_000 - (performance.now() - killed.atMs));
    await eventually("the Job to be gone", async () => (await space.jobs("killed")).length === 0, leftMs, 500);
  }, 120_000);
});
