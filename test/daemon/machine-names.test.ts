/** The hub's side of names for the whole machine: what the helper is sent, and when. */

import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { listen, type Socket, type UnixSocketListener } from "bun";
import { silentLog } from "#base/log.ts";
import { daemonLimits } from "#daemon/limits.ts";
import { MachineNames } from "#daemon/machine-names.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { eventually } from "#test/support/wait.ts";

let directory: Awaited<ReturnType<typeof tempDir>>;
let clock: ManualClock;
let names: MachineNames;
/** What came, line by line; "end" at the end of a connection. */
let said: string[];
let helpers: UnixSocketListener<undefined>[];
let connections: Socket<undefined>[];

beforeEach(async () => {
  directory = await tempDir();
  clock = new ManualClock();
  [said, helpers, connections] = [[], [], []];
  names = new MachineNames({ socket: `${directory.path}/helper`, original: `${directory.path}/original`, clock, log: silentLog });
});
afterEach(async () => {
  names.release();
  for (const helper of helpers) helper.stop(true);
  await directory[Symbol.asyncDispose]();
});

function startHelper(): void {
  helpers.push(
    listen({
      unix: `${directory.path}/helper`,
      socket: {
        open: (socket) => void connections.push(socket),
        data: (_socket, bytes) => void said.push(...bytes.toString().trim().split("\n")),
        close: () => void said.push("end"),
      },
    }),
  );
}

const entry = (address: string, ...all: string[]) => ({ address, names: all });

const comes = (what: number): Promise<boolean> => eventually(`line ${what}`, () => said.length === what);

test("the names of all profiles are sent whole, for IPv4, each to the first that has it; again when they change; none at the end", async () => {
  startHelper();
  const both = () => [entry("127.0.0.1", "db.shop"), entry("::1", "db.shop"), entry("127.0.0.2", "db.shop", "api.shop")];
  names.want(both());
  await comes(1);
  names.want(both());
  names.want([entry("127.0.0.1", "db.shop")]);
  await comes(2);
  names.want([]);
  await comes(3);
  names.release();
  await comes(4);
  expect(said).toEqual([
    '[{"address":"127.0.0.1","names":["db.shop"]},{"address":"127.0.0.2","names":["api.shop"]}]',
    '[{"address":"127.0.0.1","names":["db.shop"]}]',
    "[]",
    "end",
  ]);
});

test("a helper that is set up later, or was killed, is found", async () => {
  names.want([entry("127.0.0.1", "db.shop")]);
  await clock.advance(daemonLimits.setupCheckMs);
  expect(said).toEqual([]);
  startHelper();
  await eventually("the names", async () => {
    await clock.advance(daemonLimits.setupCheckMs);
    return said.length === 1;
  });
  connections[0]?.terminate();
  await eventually("the names again", async () => {
    await clock.advance(daemonLimits.setupCheckMs);
    return said.length === 3;
  });
  expect(said[2]).toBe(said[0] ?? "");
});

test("the hosts file is copied before it is changed for the first time, and that copy is never written again", async () => {
  const copy = `${directory.path}/original`;
  startHelper();
  names.want([]);
  expect(existsSync(copy)).toBe(false);
  names.want([entry("127.0.0.1", "db.shop")]);
  await comes(1);
  expect(readFileSync(copy)).toEqual(readFileSync("/etc/hosts"));
  writeFileSync(copy, "the user's");
  names.want([entry("127.0.0.1", "api.shop")]);
  await comes(2);
  expect(readFileSync(copy, "utf8")).toBe("the user's");
});

test("what the helper could not do it is asked again, until it can", async () => {
  startHelper();
  names.want([entry("127.0.0.1", "db.shop")]);
  await comes(1);
  connections[0]?.write('{"problem":"no space left"}\n');
  await eventually("the names again", async () => {
    await clock.advance(daemonLimits.setupCheckMs);
    return said.length === 2;
  });
  expect(said[1]).toBe(said[0] ?? "");
  connections[0]?.write("{}\n");
  names.want([]);
  await comes(3);
  await clock.advance(10 * daemonLimits.setupCheckMs);
  names.release();
  await comes(4);
  expect(said.slice(2)).toEqual(["[]", "end"]);
});
