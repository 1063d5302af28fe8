/** Where the socket goes on each system and in each environment. */

import { describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { runtimeDirectory, runtimeParents, type Surroundings, socketPath, stateDirectory } from "#control/socket-path.ts";

function at(platform: string, environment: Record<string, string> = {}): Surroundings {
  return { platform, uid: 1000, home: "/home/me", environment };
}

describe("the runtime directory", () => {
  test.each<[Surroundings, string[]]>([
    [at("linux", { XDG_RUNTIME_DIR: "/run/user/1000" }), ["/run/user/1000/kt"]],
    [at("linux"), ["/run/user/1000/kt", "/tmp/kt-1000"]],
    [at("linux", { XDG_RUNTIME_DIR: "" }), ["/run/user/1000/kt", "/tmp/kt-1000"]],
    [at("linux", { XDG_RUNTIME_DIR: "relative" }), ["/run/user/1000/kt", "/tmp/kt-1000"]],
    [at("linux", { TMPDIR: "/var/tmp" }), ["/run/user/1000/kt", "/var/tmp/kt-1000"]],
    [at("darwin", { TMPDIR: "/var/folders/x/T", XDG_RUNTIME_DIR: "/elsewhere" }), ["/var/folders/x/T/kt"]],
  ])("%j", (surroundings, expected) => {
    expect(runtimeParents(surroundings).map((parent) => runtimeDirectory(parent, surroundings))).toEqual(expected);
  });
});

test("a path at the limit fits, one byte more is refused", () => {
  const directory = `/${"d".repeat(103 - "/hub.sock".length - 1)}`;
  expect(socketPath(directory)).toHaveLength(103);
  expect(() => socketPath(`${directory}d`)).toThrow(KtError);
});

test.each([
  [at("linux"), "/home/me/.local/state/kt"],
  [at("linux", { XDG_STATE_HOME: "/state" }), "/state/kt"],
  [at("darwin"), "/home/me/Library/Logs/kt"],
])("the log goes to %j", (surroundings, expected) => {
  expect(stateDirectory(surroundings)).toBe(expected);
});
