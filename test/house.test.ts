/** Holds the house rules that no linter knows: file sentences, who may import whom, what pure rooms may touch, documented errors. */

import { describe, expect, test } from "bun:test";
import { file, Glob } from "bun";
import { errorCodes } from "#base/errors.ts";
import { rooms } from "../rooms.mjs";

interface Room {
  readonly rooms: readonly string[];
  readonly packages: readonly string[];
  readonly pure?: boolean;
}

const table: Readonly<Record<string, Room>> = rooms;
const root = `${import.meta.dir}/..`;
const banned = ["node:net", "node:http", "node:https", "node:http2", "node:child_process"];

/** What each place outside a room's own table row may import besides: the entry point starts the CLI, profiles and pages of the docs are data. */
const extra: Readonly<Record<string, readonly string[]>> = { "src/main.ts": ["#cli/"], profile: ["#profiles/"], proxy: ["#docs/"] };

async function filesUnder(pattern: string): Promise<{ path: string; text: string }[]> {
  const paths = [...new Glob(pattern).scanSync({ cwd: root })].sort();
  return await Promise.all(paths.map(async (path) => ({ path, text: await file(`${root}/${path}`).text() })));
}

/** The room of a source file, or undefined for the entry point. */
function roomOf(path: string): string | undefined {
  const parts = path.split("/");
  if (parts[0] === "native") return "native";
  return parts.length > 2 ? parts[1] : undefined;
}

/** Every module specifier of a formatted file: static imports and re-exports (types too) and dynamic imports. */
function importsOf(text: string): string[] {
  const statics = text.matchAll(/^(?:import|export)\s(?:[^"';]*?\sfrom\s)?\s*"([^"]+)"/gm);
  const dynamics = text.matchAll(/\bimport\(\s*["'`]([^"'`]+)["'`]/g);
  return [...statics, ...dynamics].map((match) => match[1] ?? "");
}

/** Why the file may not import this, or undefined. */
function objection(path: string, specifier: string): string | undefined {
  if (specifier.startsWith("./") && !specifier.includes("../")) return undefined;
  if (specifier.startsWith(".")) return "climbs out of its room: write #room/file.ts";
  const room = roomOf(path);
  const row = room === undefined ? undefined : table[room];
  if (room !== undefined && row === undefined) return `room "${room}" has no row in rooms.mjs`;
  const allowed = [...new Set([...(row?.rooms ?? []), ...(room === undefined ? [] : [room]), "base"])].map((name) => `#${name}/`);
  const prefixes = [...allowed, ...(extra[room ?? path] ?? [])];
  const packages = row?.packages ?? [];
  const packageAllowed = packages.some((name) => specifier === name || (!name.startsWith("node:") && specifier.startsWith(`${name}/`)));
  if (packageAllowed || prefixes.some((prefix) => specifier.startsWith(prefix))) return undefined;
  return `${room ?? path} may import ${[...prefixes, ...packages].join(" ")}`;
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
}

/** Clocks, I/O and globals of the runtime, as they look in code. */
const impure =
  /(?<![.#\w"'`-])(?:(?:Date|process|console|Bun|performance|globalThis)\s*[.([]|new\s+(?:Date|WebSocket)\b|(?:fetch|setTimeout|setInterval|setImmediate)\s*\()/g;

const sources = [...(await filesUnder("src/**/*.ts")), ...(await filesUnder("native/**/*.ts"))];
const tests = await filesUnder("test/**/*.ts");

describe("the house", () => {
  test("has source files to check", () => {
    expect(sources.length).toBeGreaterThan(10);
    expect(sources.flatMap((source) => importsOf(source.text)).length).toBeGreaterThan(10);
  });

  test("every file opens with one sentence that says what it is for", () => {
    const wrong = [...sources, ...tests].filter(({ text }) => !/^(?:#!.*\n)?\/\*\*\s(?:(?!\*\/)[\s\S])*?\.\s*\*\//.test(text));
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  test("imports keep to rooms.mjs", () => {
    const wrong = sources.flatMap(({ path, text }) =>
      importsOf(text).flatMap((specifier) => {
        const why = banned.includes(specifier) ? "is banned everywhere" : objection(path, specifier);
        return why === undefined ? [] : [`${path}: "${specifier}": ${why}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test("tests import across rooms by name, never by climbing", () => {
    const wrong = tests.flatMap(({ path, text }) =>
      importsOf(text)
        .filter((specifier) => specifier.includes("../") && specifier !== "../rooms.mjs")
        .map((specifier) => `${path}: "${specifier}"`),
    );
    expect(wrong).toEqual([]);
  });

  test("pure rooms have no clock and no I/O", () => {
    const wrong = sources
      .filter(({ path }) => table[roomOf(path) ?? ""]?.pure === true)
      .flatMap(({ path, text }) => [...withoutComments(text).matchAll(impure)].map((match) => `${path}: ${match[0]}`));
    expect(wrong).toEqual([]);
  });

  test("errors are KtErrors", () => {
    const wrong = sources.filter(({ text }) => /throw new (?:Error|TypeError|RangeError)\b/.test(withoutComments(text)));
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  test("commands in hints quote what they are made of", () => {
    // Messages such as `kt add needs …` are no commands.
    const untagged =
      /(?<!\bcommand)`(?:kt (?![^`]* (?:needs|does not know) |knows |has |hub \()[a-z]+|kubectl|sudo|less|tail|ls|rm|kill|export [A-Z_]+="|echo) [^`]*\$\{/g;
    const wrong = sources.flatMap(({ path, text }) => [...withoutComments(text).matchAll(untagged)].map((match) => `${path}: ${match[0]}`));
    expect(wrong).toEqual([]);
  });

  test("docs/troubleshooting.md describes every error code, and no other", async () => {
    const text = await file(`${root}/docs/troubleshooting.md`).text();
    const documented = [...text.matchAll(/^\| `([a-z0-9-]+)` \| .+ \| .+ \|$/gm)].map((match) => match[1] ?? "");
    expect(documented.sort()).toEqual([...errorCodes].sort());
  });
});

describe("the house rules can fail", () => {
  test("imports", () => {
    expect(
      importsOf('import type {\n  A,\n} from "#tunnel/a.ts";\nexport { b } from "#kube/b.ts";\nimport "bun";\nvoid import("cac");'),
    ).toEqual(["#tunnel/a.ts", "#kube/b.ts", "bun", "cac"]);
    expect(objection("src/proxy/x.ts", "#tunnel/a.ts")).toContain("proxy may import");
    expect(objection("src/proxy/x.ts", "bun")).toContain("proxy may import");
    expect(objection("src/proxy/x.ts", "../net/tcp.ts")).toContain("climbs out");
    expect(objection("src/proxy/x.ts", "#net/tcp.ts")).toBeUndefined();
    expect(objection("native/linux.ts", "node:os")).toBeUndefined();
    expect(objection("src/main.ts", "#cli/main.ts")).toBeUndefined();
    expect(objection("src/main.ts", "#daemon/daemon.ts")).toContain("may import");
  });

  test("purity", () => {
    const bad = "const now = Date.now(); new Date; setTimeout(f, 1); console.log(1); Bun.nanoseconds(); fetch(url); process.env";
    expect([...bad.matchAll(impure)].length).toBe(7);
    expect([..."this.process(); stream.fetch(x); update.Date".matchAll(impure)].length).toBe(0);
  });
});
