/** A tunnel over a pod that kt makes: connections wait for it, find it again when it was replaced, and hear why there is none. */

import { describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import { silentLog } from "#base/log.ts";
import type { AddressTarget } from "#route/target.ts";
import { FakeCluster } from "#test/support/fake-cluster.ts";
import { echoTarget, fakeShell, ncTo, socatTo } from "#test/support/fake-exec.ts";
import { ManualClock, settle } from "#test/support/manual-clock.ts";
import { Recorder } from "#test/support/recorder.ts";
import { JumpPods } from "#tunnel/jump-pod/pods.ts";
import { problemOf } from "#tunnel/standing.ts";
import { Tunnels } from "#tunnel/tunnels.ts";

const never = new AbortController().signal;
const create = { image: "alpine/socat:1", command: undefined, timeoutMs: 60_000, ttlMs: 3_600_000 };
const target: AddressTarget = {
  kind: "address",
  cluster: { profile: "p", context: undefined },
  host: "db.internal",
  port: 5432,
  via: { kind: "pod", namespace: "shop", name: "kt-jump", container: undefined, method: "auto", create },
};

/** What the watch says when there is no pod. */
const absent = { kind: "none", problem: new KtError("pod-not-found", 'there is no pod "kt-jump"') } as const;

function rig() {
  const cluster = new FakeCluster();
  const clock = new ManualClock();
  cluster.clock = clock;
  const programs = { socat: socatTo(echoTarget) };
  const install = (): void => cluster.setPrograms("kt-jump", { ...programs, sh: fakeShell(programs, []) });
  install();
  const common = { clock, log: silentLog, report() {} };
  const users = [{ profile: "p", route: "5432", create }];
  const jumpPods = new JumpPods({ holder: { id: "a", user: "ann@laptop" }, usersOf: () => users, ...common });
  const timeoutsFor = () => ({ idleTimeoutMs: 0, startTimeoutMs: 30_000 });
  const announced: unknown[] = [];
  const onChange = (): void => void announced.push(tunnels.status(target)?.standing.state);
  const tunnels: Tunnels = new Tunnels({ clusterFor: () => cluster, jumpPods, timeoutsFor, onChange, ...common });
  const dial = (): Promise<Recorder> => tunnels.dial(target, never).then(({ conn }) => new Recorder(conn));
  const commands = (): string[] => cluster.execs.map(({ command }) => command.join(" "));
  return { cluster, clock, tunnels, dial, install, commands, announced };
}

async function echoes(stream: Recorder): Promise<void> {
  stream.write("hello");
  await stream.untilText("hello");
}

describe("a tunnel over a jump pod", () => {
  test("makes the pod first, however long that takes, and shows no problem meanwhile", async () => {
    const { cluster, clock, tunnels, dial } = rig();
    cluster.resolve(absent);
    cluster.pods.becomes = () => ({ state: { kind: "coming", says: "is starting" } });
    const streams = Promise.all([dial(), dial()]);
    await settle();
    await clock.advance(45_000);
    expect(tunnels.status(target)).toMatchObject({ standing: { state: "starting", problem: undefined } });
    cluster.pods.set("shop", "kt-jump", { state: { kind: "ready" } });
    await clock.advance(tunnelLimits.jumpPodLookMaxMs);
    cluster.ready("kt-jump");
    for (const stream of await streams) await echoes(stream);
    expect(cluster.pods.made.length).toBe(1);
  });

  test("announces that it starts with the first connection that waits, and stops with the last", async () => {
    const { cluster, tunnels, announced } = rig();
    cluster.ready("kt-jump");
    await tunnels.prepare(target, never);
    cluster.resolve(absent);
    expect(announced.at(-1)).toBe("idle");
    cluster.pods.becomes = () => ({ state: { kind: "coming", says: "is starting" } });
    const leaving = new AbortController();
    const dialled = tunnels.dial(target, leaving.signal).catch((thrown: KtError) => thrown.code);
    expect(announced.at(-1)).toBe("starting");
    leaving.abort(new KtError("shutting-down", "the client left"));
    expect(await dialled).toBe("shutting-down");
    expect(announced.at(-1)).toBe(tunnels.status(target)?.standing.state);
    expect(announced.at(-1)).not.toBe("starting");
  });

  test("asks for it no more while it is ready", async () => {
    const { cluster, dial } = rig();
    cluster.ready("kt-jump");
    await echoes(await dial());
    await echoes(await dial());
    expect(cluster.pods.asked).toEqual([]);
  });

  for (const [when, sayGone] of [
    ["it has gone", true],
    ["it has gone and the watch has not said so yet", false],
  ] as const) {
    test(`makes it again when ${when}`, async () => {
      const { cluster, clock, dial, install } = rig();
      cluster.ready("kt-jump");
      await echoes(await dial());
      cluster.removePod("kt-jump");
      if (sayGone) cluster.resolve(absent);
      cluster.pods.becomes = () => {
        install();
        return {};
      };
      const again = dial();
      await settle();
      await clock.advance(500);
      expect(cluster.pods.made.length).toBe(1);
      if (sayGone) cluster.ready("kt-jump");
      await echoes(await again);
    });
  }

  test("finds out anew what the image has when another pod came under that name", async () => {
    const { cluster, clock, dial, commands } = rig();
    cluster.ready("kt-jump");
    cluster.pods.becomes = () => {
      cluster.setPrograms("kt-jump", { nc: ncTo(echoTarget), sh: fakeShell({ nc: ncTo(echoTarget) }, []) });
      return {};
    };
    cluster.resolve(absent);
    const first = dial();
    await settle();
    await clock.advance(500);
    cluster.ready("kt-jump");
    await echoes(await first);
    expect(commands().at(-1)).toContain("nc -w 10 db.internal 5432");
    cluster.removePod("kt-jump");
    cluster.pods.delete("shop", "kt-jump");
    cluster.resolve(absent);
    const again = dial();
    await settle();
    await clock.advance(500);
    cluster.ready("kt-jump");
    await echoes(await again);
    expect(commands().filter((command) => command === "socat -V").length).toBe(2);
  });

  test("hears what to do about an image that cannot jump", async () => {
    const { cluster, clock, tunnels } = rig();
    cluster.setPrograms("kt-jump", {});
    cluster.resolve(absent);
    const first = tunnels.dial(target, never);
    await settle();
    await clock.advance(500);
    cluster.ready("kt-jump");
    await expect(first).rejects.toMatchObject({
      code: "jump-no-tool",
      message: 'pod "kt-jump" has neither socat nor nc to jump with',
      hints: [`leave image = "${create.image}" out of create, or name one that has socat or nc`],
    });
  });

  test("hears at once why there is none", async () => {
    const { cluster, tunnels } = rig();
    cluster.resolve(absent);
    cluster.pods.becomes = () => new KtError("jump-pod-failed", 'the cluster does not take the pod "shop/kt-jump": exceeded quota');
    await expect(tunnels.dial(target, never)).rejects.toMatchObject({ code: "jump-pod-failed" });
    expect(problemOf(tunnels.status(target)?.standing)?.message).toContain("exceeded quota");
  });
});
