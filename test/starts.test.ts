/** Holds what a command loads before its first line runs: what it does not need yet is imported where it is needed. */

import { describe, expect, test } from "bun:test";
import { file, Glob } from "bun";
import { loadedWith, roomOf } from "#scripts/measures/house.ts";

const root = `${import.meta.dir}/..`;

/** Builtins that take 1 to 3 ms of processor time to load. */
const slowBuiltins = ["node:crypto", "node:stream", "node:tls", "node:tty", "node:zlib"];

/** Of what users wait for: the rooms, packages and slow builtins that it loads, and the size of its code without types. */
const starts = [
  { command: "version", rooms: ["base", "cli", "daemon", "native", "profile"], packages: ["cac"], builtins: [], mostKb: 103 },
  { command: "complete", rooms: ["base", "cli", "daemon", "native", "profile"], packages: ["cac"], builtins: [], mostKb: 112 },
  {
    command: "up",
    rooms: ["base", "cli", "control", "daemon", "native", "observe", "profile", "tui"],
    packages: ["cac", "valibot"],
    builtins: [],
    mostKb: 162,
  },
  {
    command: "run",
    rooms: ["base", "cli", "control", "daemon", "doctor", "host", "native", "observe", "profile", "route", "wire"],
    packages: ["cac", "smol-toml", "valibot"],
    builtins: [],
    mostKb: 400,
  },
  {
    // Of kube and tunnel, which are read once it listens, only what describes them; not mcp and web, doctor, demo, tui and relay.
    command: "hub",
    rooms: [
      ...["base", "cli", "control", "daemon", "discovery", "dns", "host", "http", "kube", "native", "net", "observe", "profile", "proxy"],
      ...["route", "tls", "tunnel", "wire"],
    ],
    packages: ["cac", "smol-toml", "valibot"],
    builtins: ["node:crypto", "node:stream", "node:tls"],
    mostKb: 937,
  },
] as const;

const texts = new Map<string, string>();
for (const path of [...new Glob("{src,native}/**/*.{ts,tsx}").scanSync({ cwd: root })])
  texts.set(path, await file(`${root}/${path}`).text());

/** The file of a command, whichever folder of commands it is in. */
const fileOf = (command: string): string =>
  [...texts.keys()].find((path) => path.startsWith("src/cli/commands/") && path.endsWith(`/${command}.ts`)) ?? `no file of ${command}`;

/** Not of the runtime, and not data that is bundled as text. */
const isPackage = (name: string): boolean => name !== "bun" && !/^(?:bun:|node:|src\/|native\/)/.test(name);
const sorted = (names: readonly (string | undefined)[]): string[] => [...new Set(names.filter((name) => name !== undefined))].sort();

describe("what is loaded before the first line of", () => {
  for (const { command, rooms, packages, builtins, mostKb } of starts)
    test(`kt ${command}`, () => {
      const { files, others, bytes } = loadedWith(["src/main.ts", fileOf(command)], texts);
      expect(sorted(files.map(roomOf))).toEqual([...rooms]);
      expect(sorted(others.filter(isPackage))).toEqual([...packages]);
      expect(sorted(others.filter((name) => slowBuiltins.includes(name)))).toEqual([...builtins]);
      expect(bytes / 1000).toBeLessThan(mostKb);
    });

  test("a file with types and later imports", () => {
    const made = new Map([
      [
        "src/a/a.ts",
        'import type { B } from "#b/b.ts";\nimport { c } from "./c.ts";\nexport const a = async (b: B) => [b, c, await import("#d/d.ts")];',
      ],
      ["src/a/c.ts", 'export { join as c } from "node:path";'],
    ]);
    const { files, others, bytes } = loadedWith(["src/a/a.ts"], made);
    expect({ files, others }).toEqual({ files: ["src/a/a.ts", "src/a/c.ts"], others: ["node:path"] });
    expect(bytes).toBeGreaterThan(0);
  });
});
