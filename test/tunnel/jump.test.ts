/** Connections through jump hosts in memory: what runs in the pod, what waits there, and what becomes of it. */

import { describe, expect, test } from "bun:test";
import type { KtError } from "#base/errors.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import { silentLog } from "#base/log.ts";
import type { AddressTarget, JumpHost } from "#route/target.ts";
import { FakeCluster } from "#test/support/fake-cluster.ts";
import { echoTarget, type FakeProcess, type FakeProgram, type FakeTarget, fakeShell, ncTo, socatTo } from "#test/support/fake-exec.ts";
import { ManualClock, settle } from "#test/support/manual-clock.ts";
import { Recorder } from "#test/support/recorder.ts";
import { problemOf } from "#tunnel/standing.ts";
import { Tunnels } from "#tunnel/tunnels.ts";

const never = new AbortController().signal;

function rig(via: Partial<JumpHost> = {}, address: { host: string; port: number } = { host: "db.internal", port: 5432 }) {
  const cluster = new FakeCluster();
  const clock = new ManualClock();
  cluster.clock = clock;
  const tunnels = new Tunnels({
    clusterFor: () => cluster,
    timeoutsFor: () => ({ idleTimeoutMs: 0, startTimeoutMs: 30_000 }),
    clock,
    log: silentLog,
    report() {},
  });
  const target: AddressTarget = {
    kind: "address",
    cluster: { profile: "p", context: undefined },
    ...address,
    via: { kind: "service", namespace: "shop", name: "api", container: undefined, method: "auto", create: undefined, ...via },
  };
  const dial = async (to: AddressTarget = target): Promise<Recorder> => new Recorder((await tunnels.dial(to, never)).conn);
  const refusal = (): Promise<KtError> =>
    tunnels.dial(target, never).then(
      () => expect.unreachable(),
      (error: KtError) => error,
    );
  const commands = (): string[] => cluster.execs.map(({ command }) => command.join(" "));
  return { cluster, clock, tunnels, target, dial, refusal, commands };
}

/** An image with socat and a shell. */
function withSocat(target: FakeTarget, killed: string[] = []): Readonly<Record<string, FakeProgram>> {
  const programs = { socat: socatTo(target) };
  return { ...programs, sh: fakeShell(programs, killed) };
}

const socatCommand = "socat -d -t600 -b65536 STDIO,shut-close TCP:db.internal:5432,connect-timeout=10,nodelay";
const waiting = `sh -c echo $$ >&2; read -r _ && exec "$@" kt ${socatCommand}`;

/** A target whose process the test drives. */
function driven(): { readonly target: FakeTarget; readonly processes: FakeProcess[] } {
  const processes: FakeProcess[] = [];
  return { target: (process) => void processes.push(process), processes };
}

describe("a connection", () => {
  test("is carried by socat in a ready pod, and half-closes", async () => {
    const { cluster, dial, tunnels, target, commands } = rig();
    cluster.setPrograms("api-1", withSocat(echoTarget));
    cluster.ready("api-1");
    const stream = await dial();
    stream.write("hello");
    await stream.untilText("hello");
    expect(commands()).toEqual(["socat -V", waiting]);
    expect(tunnels.status(target)).toMatchObject({ standing: { state: "running", pod: "api-1" }, openConnections: 1 });
    stream.conn.end();
    await stream.untilClosed();
    expect([stream.events.at(-2), stream.error]).toEqual(["end", undefined]);
  });

  test("takes the process that waits, which had connected nowhere until then", async () => {
    const { cluster, clock, dial, commands } = rig();
    const { target, processes } = driven();
    cluster.setPrograms("api-1", withSocat(target));
    cluster.ready("api-1");
    await dial();
    await clock.advance(tunnelLimits.spareDelayMs);
    expect([commands().length, processes.length]).toEqual([3, 1]);
    const stream = await dial();
    stream.write("now");
    await settle();
    expect([commands().length, processes.length]).toEqual([3, 2]);
    processes[1]?.write("yes");
    await stream.untilText("yes");
  });

  test("finds out once what an image has, for every tunnel through that pod", async () => {
    const { cluster, dial, target, commands } = rig();
    cluster.setPrograms("api-1", { nc: ncTo(echoTarget), sh: fakeShell({ nc: ncTo(echoTarget) }) });
    cluster.ready("api-1");
    const streams = await Promise.all([dial(), dial({ ...target, host: "::1", port: 80 })]);
    for (const stream of streams) {
      stream.write("x");
      await stream.untilText("x");
    }
    expect(commands().map((command) => command.replace(/^sh .* kt /, ""))).toEqual([
      "socat -V",
      "nc -h",
      "nc -w 10 db.internal 5432",
      "nc -w 10 ::1 80",
    ]);
  });

  test("through an image without a shell runs the program itself, and keeps a command ready that is not begun", async () => {
    const { cluster, clock, dial, commands } = rig();
    const { target, processes } = driven();
    cluster.setPrograms("api-1", { socat: socatTo(target) });
    cluster.ready("api-1");
    const stream = await dial();
    stream.write("a");
    await settle();
    await settle();
    await clock.advance(tunnelLimits.spareDelayMs);
    expect(commands()).toEqual(["socat -V", waiting, socatCommand, socatCommand]);
    expect(processes.length).toBe(1);
    await clock.advance(tunnelLimits.execWaitMs + 2000);
    expect([commands().length, processes.length]).toEqual([5, 1]);
    await dial();
    await settle();
    expect([commands().length, processes.length]).toEqual([5, 2]);
  });

  test("ends with everything that its target sent, and with its reset", async () => {
    const { cluster, dial } = rig();
    const { target, processes } = driven();
    cluster.setPrograms("api-1", withSocat(target));
    cluster.ready("api-1");
    const whole = await dial();
    await whole.until(() => processes.length === 1);
    whole.conn.pause();
    processes[0]?.write("all of it");
    processes[0]?.exit(0);
    await settle();
    expect(whole.length).toBe(0);
    whole.conn.resume();
    await whole.untilClosed();
    expect([whole.text(), whole.error]).toEqual(["all of it", undefined]);
    const broken = await dial();
    await broken.until(() => processes.length === 2);
    processes[1]?.write("half of");
    processes[1]?.complain("socat[7] W read(5, 0x1, 8192): Connection reset by peer\n");
    processes[1]?.exit(0);
    await broken.untilClosed();
    expect(broken.error?.code).toBe("connection-lost");
    expect(broken.error?.message).toContain("connection reset by peer");
  });

  test("reports that the target has ended its half where the process goes on", async () => {
    const { cluster, clock, dial } = rig();
    const { target, processes } = driven();
    cluster.setPrograms("api-1", withSocat(target));
    cluster.ready("api-1");
    const stream = await dial();
    await stream.until(() => processes.length === 1);
    processes[0]?.write("bye");
    processes[0]?.endOutput();
    await stream.untilText("bye");
    await clock.advance(tunnelLimits.jumpExitMs);
    expect([stream.ended, stream.closed]).toEqual([true, false]);
    let late = "";
    (processes[0] as FakeProcess).onInput = (bytes) => {
      late += new TextDecoder().decode(bytes);
    };
    stream.write("late");
    await settle();
    expect(late).toBe("late");
  });
});

describe("a target", () => {
  const fails =
    (words: string): FakeTarget =>
    (process) => {
      process.complain(`2026/01/01 00:00:00 socat[7] E ${words}\n`);
      process.exit(1);
    };

  test.each([
    [
      "connect(5, AF=2 10.0.0.1:5432, 16): Connection refused",
      "target-refused",
      '"db.internal:5432" refused the connection from pod "api-1"',
    ],
    ['getaddrinfo("db.internal", "NULL", {1,0,1,6}, {}): Name or service not known', "target-not-found", "name or service not known"],
    ["connecting to AF=2 10.0.0.1:5432: Connection timed out", "target-unreachable", "connection timed out"],
    ["connect(5, AF=2 10.0.0.1:5432, 16): No route to host", "target-unreachable", "no route to host"],
  ])("%s", async (words, code, message) => {
    const { cluster, dial, tunnels, target, commands } = rig();
    for (const pod of ["api-1", "api-2"]) cluster.setPrograms(pod, withSocat(fails(words)));
    cluster.ready("api-1", "api-2");
    const stream = await dial();
    stream.write("query");
    await stream.untilClosed();
    expect(stream.error?.code).toBe(code as KtError["code"]);
    expect(stream.error?.message).toContain(message);
    expect(problemOf(tunnels.status(target)?.standing)?.code).toBe(code as KtError["code"]);
    // Another pod is not asked: its answer would be the same.
    expect(commands()).toEqual(["socat -V", waiting]);
  });

  test("that has worked and refuses is tried again for some seconds; what has stopped for good is then refused at once", async () => {
    const { cluster, clock, dial } = rig();
    const refuses = fails("connect(5, AF=2 10.0.0.1:5432, 16): Connection refused");
    let current: FakeTarget = echoTarget;
    let asked = 0;
    cluster.setPrograms(
      "api-1",
      withSocat((process) => {
        asked += 1;
        current(process);
      }),
    );
    cluster.ready("api-1");
    const talk = async (text: string) => {
      const stream = await dial();
      stream.write(text);
      await settle();
      return stream;
    };
    await (await talk("first")).untilText("first");
    current = refuses;
    const second = await talk("second");
    expect([second.closed, asked]).toEqual([false, 2]);
    current = echoTarget;
    await clock.advance(tunnelLimits.redialMs);
    await second.untilText("second");
    current = refuses;
    const third = await talk("third");
    await clock.advance(tunnelLimits.redialMaxMs);
    await third.untilClosed();
    expect(third.error?.code).toBe("target-refused");
    asked = 0;
    await (await talk("fourth")).untilClosed();
    expect(asked).toBe(1);
  });

  test("that has worked and refuses is not tried again for a client that has gone", async () => {
    const { cluster, clock, dial } = rig();
    let current: FakeTarget = echoTarget;
    cluster.setPrograms(
      "api-1",
      withSocat((process) => current(process)),
    );
    cluster.ready("api-1");
    const first = await dial();
    first.write("first");
    await first.untilText("first");
    let asked = 0;
    current = (process) => {
      asked += 1;
      fails("connect(5, AF=2 10.0.0.1:5432, 16): Connection refused")(process);
    };
    const second = await dial();
    second.write("second");
    await settle();
    expect(asked).toBe(1);
    second.conn.abort();
    await clock.advance(tunnelLimits.redialMaxMs);
    expect(asked).toBe(1);
  });
});

describe("a program without a time limit of its own for connecting", () => {
  /** OpenBSD's nc, which says when it is connected. */
  const openbsd =
    (target: FakeTarget): FakeProgram =>
    (process) => {
      if (process.command[1] !== "-h") return target(process);
      process.complain("OpenBSD netcat\n\t-N\t\tShutdown the network socket after EOF on stdin\n");
      process.exit(0);
    };
  const through = (target: FakeTarget): Readonly<Record<string, FakeProgram>> => ({
    nc: openbsd(target),
    sh: fakeShell({ nc: openbsd(target) }),
  });

  test("is given up when it says nothing", async () => {
    const { cluster, clock, dial } = rig();
    cluster.setPrograms(
      "api-1",
      through(() => {}),
    );
    cluster.ready("api-1");
    const stream = await dial();
    await clock.advance(tunnelLimits.jumpConnectMs);
    await stream.untilClosed();
    expect(stream.error?.code).toBe("target-unreachable");
  });

  test("and that is connected may say nothing for as long as it likes", async () => {
    const { cluster, clock, dial } = rig();
    cluster.setPrograms(
      "api-1",
      through((process) => process.complain("Connection to db.internal 5432 port [tcp/*] succeeded!\n")),
    );
    cluster.ready("api-1");
    const stream = await dial();
    await settle();
    await clock.advance(tunnelLimits.jumpConnectMs * 10);
    expect(stream.closed).toBe(false);
  });
});

describe("a pod", () => {
  test("that is gone is left for another one, also when its process ends before it has begun", async () => {
    const { cluster, dial } = rig();
    cluster.setPrograms("b", withSocat(echoTarget));
    cluster.ready("a", "b");
    for (let round = 0; round < 2; round++) {
      const stream = await dial();
      stream.write("x");
      await stream.untilText("x");
    }
    const sudden: FakeProgram = (process) => process.fail("error executing command in container: container is not running");
    cluster.setPrograms("a", { socat: socatTo(sudden), sh: sudden });
    for (let round = 0; round < 4; round++) {
      const stream = await dial();
      stream.write("y");
      await stream.untilText("y");
    }
  });

  test.each([
    ["auto", {}, "has neither socat nor nc", "have kt make a pod"],
    ["nc", withSocat(echoTarget), "has no nc", 'method = "auto"'],
    ["socat", { nc: ncTo(echoTarget) }, "has no socat", 'method = "auto"'],
  ] as const)("without what method = %s needs says so, and is not asked again by itself", async (method, programs, message, hint) => {
    const { cluster, clock, refusal, commands } = rig({ method });
    cluster.setPrograms("api-1", programs);
    cluster.ready("api-1");
    const error = await refusal();
    expect([error.code, error.message]).toEqual(["jump-no-tool", `pod "api-1" ${message} to jump with`]);
    expect(error.hints.join("; ")).toContain(hint);
    const asked = commands().length;
    await clock.advance(5000);
    expect(commands().length).toBe(asked);
  });

  test("without socat leaves the connection to one that has it", async () => {
    const { cluster, dial } = rig();
    cluster.setPrograms("a", {});
    cluster.setPrograms("b", withSocat(echoTarget));
    cluster.ready("a", "b");
    for (let round = 0; round < 3; round++) {
      const stream = await dial();
      stream.write("x");
      await stream.untilText("x");
    }
  });

  test("of the same name but of another image is looked at anew", async () => {
    const { cluster, clock, dial, commands } = rig();
    cluster.setPrograms("api-0", withSocat(echoTarget));
    cluster.ready("api-0");
    await dial();
    cluster.removePod("api-0");
    cluster.setPrograms("api-0", { nc: ncTo(echoTarget), sh: fakeShell({ nc: ncTo(echoTarget) }) });
    await clock.advance(tunnelLimits.spareDelayMs);
    const stream = await dial();
    stream.write("x");
    await stream.untilText("x");
    expect(commands().at(-1)).toContain("nc -w 10 db.internal 5432");
  });

  test.each(["while its tunnel is open", "meanwhile"])(
    "that has another nc when it comes again %s gets that one's options",
    async (when) => {
      const openBsd: FakeProgram = (process) => {
        if (process.command[1] !== "-h") return echoTarget(process);
        process.complain("OpenBSD netcat (Debian patchlevel 1.219-1)\n\t-N\t\tShutdown the network socket after EOF on stdin\n");
        process.exit(0);
      };
      const { cluster, dial, tunnels, commands } = rig();
      cluster.setPrograms("api-0", { nc: ncTo(echoTarget), sh: fakeShell({ nc: ncTo(echoTarget) }) });
      cluster.ready("api-0");
      await dial();
      if (when === "meanwhile") tunnels.retain(() => false);
      cluster.removePod("api-0");
      cluster.ready();
      cluster.setPrograms("api-0", { nc: openBsd, sh: fakeShell({ nc: openBsd }) });
      cluster.ready("api-0");
      const stream = await dial();
      stream.write("x");
      await stream.untilText("x");
      expect(commands().at(-1)).toContain("nc -v -N db.internal 5432");
    },
  );
});

describe("what runs in a pod", () => {
  test("waits only while the target was used lately", async () => {
    const { cluster, clock, dial, tunnels, target } = rig();
    cluster.setPrograms("api-1", withSocat(echoTarget));
    cluster.ready("api-1");
    const stream = await dial();
    await clock.advance(tunnelLimits.spareDelayMs);
    stream.conn.end();
    await stream.untilClosed();
    await clock.advance(tunnelLimits.sessionIdleMs - 1000);
    expect(tunnels.status(target)?.sessions).toBe(1);
    await clock.advance(2000);
    expect(tunnels.status(target)?.sessions).toBe(0);
    expect(cluster.execs.length).toBe(3);
  });

  test("waits for more when more connections came at once", async () => {
    const { cluster, clock, dial, tunnels, target } = rig();
    cluster.setPrograms("api-1", withSocat(echoTarget));
    cluster.ready("api-1");
    await Promise.all(Array.from({ length: 6 }, () => dial()));
    for (let round = 0; round < 8; round++) await clock.advance(tunnelLimits.spareDelayMs);
    expect(tunnels.status(target)?.sessions).toBe(6 + 6);
  });

  test("waits for as many as came at once lately, and for fewer again once that is over", async () => {
    const { cluster, clock, dial, tunnels, target } = rig();
    cluster.setPrograms("api-1", withSocat(echoTarget));
    cluster.ready("api-1");
    const streams = await Promise.all(Array.from({ length: 30 }, () => dial()));
    for (let round = 0; round < 40; round++) await clock.advance(tunnelLimits.spareDelayMs);
    expect(tunnels.status(target)?.sessions).toBe(30 + tunnelLimits.spareProcessesPerPod);
    for (const { conn } of streams) conn.abort();
    await clock.advance(tunnelLimits.sessionIdleMs - 3000);
    await dial();
    await clock.advance(2000);
    expect(tunnels.status(target)?.sessions).toBeLessThanOrEqual(2);
  });

  test("waits in a shell again after one was killed, as when its container was started anew", async () => {
    const { cluster, clock, dial, commands } = rig();
    const waits: FakeProcess[] = [];
    const programs = withSocat(echoTarget);
    const sh: FakeProgram = (process) => {
      waits.push(process);
      programs["sh"]?.(process);
    };
    cluster.setPrograms("api-1", { ...programs, sh });
    cluster.ready("api-1");
    await dial();
    await clock.advance(tunnelLimits.spareDelayMs);
    expect(waits.length).toBe(2);
    waits[1]?.exit(137);
    await settle();
    await dial();
    expect(commands().at(-1)).toBe(waiting);
  });

  test("is killed when its connection was given up and it does not end by itself", async () => {
    const killed: string[] = [];
    const { cluster, clock, dial } = rig();
    const { target, processes } = driven();
    cluster.setPrograms("api-1", withSocat(target, killed));
    cluster.ready("api-1");
    const stream = await dial();
    await stream.until(() => processes.length === 1);
    let inputEnded = false;
    (processes[0] as FakeProcess).onInputEnd = () => {
      inputEnded = true;
    };
    stream.conn.abort();
    await settle();
    expect([inputEnded, killed]).toEqual([true, []]);
    await clock.advance(tunnelLimits.jumpLeaveMs);
    expect(killed).toEqual(["100"]);
  });

  test("is killed also when its connection was given up before it said its process id", async () => {
    const killed: string[] = [];
    const { cluster, clock, dial } = rig();
    const programs = withSocat(driven().target, killed);
    const begun: (() => void)[] = [];
    const input: Uint8Array[] = [];
    const sh: FakeProgram = (process) => {
      if (process.command[2] === 'kill "$1"') return programs["sh"]?.(process);
      process.onInput = (bytes) => input.push(bytes);
      begun.push(() => {
        programs["sh"]?.(process);
        for (const bytes of input) process.onInput(bytes);
      });
    };
    cluster.setPrograms("api-1", { ...programs, sh });
    cluster.ready("api-1");
    const stream = await dial();
    await settle();
    stream.conn.abort();
    await settle();
    await clock.advance(tunnelLimits.jumpLeaveMs + tunnelLimits.jumpKillMs);
    for (const begin of begun) begin();
    await settle();
    await clock.advance(tunnelLimits.jumpLeaveMs);
    expect(killed).toEqual(["100"]);
  });

  test("is killed also where the shell complained before it said its process id", async () => {
    const killed: string[] = [];
    const { cluster, clock, dial } = rig();
    const { target, processes } = driven();
    const programs = withSocat(target, killed);
    const sh: FakeProgram = (process) => {
      process.complain("sh: warning: setlocale: LC_ALL: cannot change locale (de_DE.UTF-8)\n");
      programs["sh"]?.(process);
    };
    cluster.setPrograms("api-1", { ...programs, sh });
    cluster.ready("api-1");
    const stream = await dial();
    await stream.until(() => processes.length === 1);
    stream.conn.abort();
    await settle();
    await clock.advance(tunnelLimits.jumpLeaveMs);
    expect(killed).toEqual(["100"]);
  });

  test("and ends by itself is not killed", async () => {
    const killed: string[] = [];
    const { cluster, clock, dial, tunnels } = rig();
    cluster.setPrograms("api-1", withSocat(echoTarget, killed));
    cluster.ready("api-1");
    const stream = await dial();
    await settle();
    stream.conn.abort();
    await settle();
    await clock.advance(tunnelLimits.jumpLeaveMs * 2);
    expect(killed).toEqual([]);
    await tunnels.close();
  });

  test("has ended, or was killed, before the tunnels are closed", async () => {
    const killed: string[] = [];
    const { cluster, clock, dial, tunnels } = rig();
    const { target, processes } = driven();
    cluster.setPrograms("api-1", withSocat(target, killed));
    cluster.ready("api-1");
    const stream = await dial();
    await stream.until(() => processes.length === 1);
    const closed = tunnels.close();
    await stream.untilClosed();
    expect(stream.error?.code).toBe("shutting-down");
    await clock.advance(tunnelLimits.jumpLeaveMs);
    await closed;
    expect(killed).toEqual(["100"]);
  });

  test("is given up when its session answers no ping", async () => {
    const { cluster, clock, dial } = rig();
    cluster.setPrograms("api-1", withSocat(echoTarget));
    cluster.ready("api-1");
    const stream = await dial();
    stream.write("x");
    await stream.untilText("x");
    for (let second = 0; second < 60; second++) await clock.advance(1000);
    expect(stream.closed).toBe(false);
    for (const { near } of cluster.execs) near.blackHole();
    for (let second = 0; second < 16; second++) await clock.advance(1000);
    await stream.untilClosed();
    expect(stream.error?.message).toContain("no ping");
  });
});
