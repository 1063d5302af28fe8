/** Holds the house rules that no linter knows: file sentences, who may import whom, what pure rooms may touch, documented errors. */

import { describe, expect, test } from "bun:test";
import { file, Glob } from "bun";
import { errorCodes } from "#base/error-facts.ts";
import {
  circleIn,
  edgesBetween,
  folderOf,
  importsOf,
  roomOf,
  type SourceText,
  staticImportsOf,
  targetOf,
} from "#scripts/measures/house.ts";
import { misnamed } from "#scripts/measures/names.ts";
import { avoidedIn } from "#scripts/measures/plain-words.ts";
import { rooms } from "../rooms.mjs";

interface Room {
  readonly rooms: readonly string[];
  readonly packages: readonly string[];
  readonly pure?: boolean;
  /** Its folders from the ground up; "." stands for the files of the room itself. */
  readonly order?: readonly string[];
}

const table: Readonly<Record<string, Room>> = rooms;
const root = `${import.meta.dir}/..`;
const banned = ["node:net", "node:http", "node:https", "node:http2", "node:child_process"];

/** What places outside of a room's row may import besides: the entry point starts the CLI, profiles and pages of the docs are data. */
const extra: Readonly<Record<string, readonly string[]>> = { "src/main.ts": ["#cli/"], profile: ["#profiles/"], proxy: ["#docs/"] };

async function filesUnder(pattern: string): Promise<SourceText[]> {
  const paths = [...new Glob(pattern).scanSync({ cwd: root })].sort();
  return await Promise.all(paths.map(async (path) => ({ path, text: await file(`${root}/${path}`).text() })));
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

/** Why a file may not import this one of its own room, or undefined. A room's limits are its ground: they import nothing of it. */
function climbs(path: string, specifier: string, order: readonly string[]): string | undefined {
  const target = targetOf(path, specifier);
  if (target === undefined || roomOf(target) !== roomOf(path)) return undefined;
  if (target === `src/${roomOf(path) ?? ""}/limits.ts`) return undefined;
  const [from, to] = [folderOf(path), folderOf(target)];
  if (from === to) return undefined;
  if (!order.includes(from) || !order.includes(to)) return `folder "${order.includes(from) ? to : from}" has no place in the room's order`;
  return order.indexOf(to) < order.indexOf(from) ? undefined : `${from} comes before ${to} in the room's order: ${order.join(", ")}`;
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
}

/** Clocks, I/O and globals of the runtime, as they look in code. */
const impure =
  /(?<![.#\w"'`-])(?:(?:Date|process|console|Bun|performance|globalThis)\s*[.([]|new\s+(?:Date|WebSocket)\b|(?:fetch|setTimeout|setInterval|setImmediate)\s*\()/g;

/** Looks into the message of an error, which is for people: what others go by is a field. */
const readsMessage =
  /\bmessage\.(?:includes|startsWith|endsWith|match|indexOf|slice|split|replace|search)\(|\.(?:test|exec)\((?:\w+\.)*message\)|\bcode\.(?:includes|startsWith|endsWith)\(/g;

/** Messages that are not kt's own: of the TOML reader, of the system, of MongoDB's protocol. */
const foreignMessages = ["src/profile/read/source.ts", "src/cli/main.ts", "src/wire/tcp-refusals.ts"];

/** Sets of error codes that stand beside the table of `base/error-facts.ts`. */
function setsOfCodes(text: string): string[] {
  const sets = [...text.matchAll(/new Set(?:<[^(]*>)?\(\s*\[([^\]]*)\]/g)].map(([, items = ""]) => items);
  const codes: readonly string[] = errorCodes;
  return sets.filter((items) => [...items.matchAll(/"([\w-]+)"/g)].some(([, item = ""]) => codes.includes(item)));
}

/** Files whose name says more than that of what they export. */
const namedOtherwise: Readonly<Record<string, string>> = {
  "src/cli/completion/offers.ts": "what is offered, in the answer to the shell",
  "src/cli/convert/port-forward.ts": "what is converted, as its neighbours",
  "src/cli/main.ts": "the entry of the room",
  "src/doctor/doctor.ts": "the entry of the room",
  "src/proxy/door/guard.ts": "the guard that the docs name",
};

/** What people read: comments, messages and titles stand in code, the rest in pages. The words themselves stand in three files. */
async function proseFiles(): Promise<SourceText[]> {
  const patterns = ["scripts/**/*.ts", "test/{golden,scripts}/**/*.*", "docs/**/*.md", "*.md", "install.sh", ".github/**/*.{md,yml}"];
  const others = await Promise.all(patterns.map(filesUnder));
  const ownWords = ["scripts/measures/plain-words.ts", "test/house.test.ts", "test/docs/measures.test.ts"];
  return [...sources, ...tests, ...others.flat()].filter(({ path }) => !ownWords.includes(path));
}

const sources = [...(await filesUnder("src/**/*.{ts,tsx}")), ...(await filesUnder("native/**/*.ts"))];
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

  test("every room of rooms.mjs exists, and every folder of its order", () => {
    const known = new Set(sources.map(({ path }) => `${roomOf(path) ?? ""}/${folderOf(path)}`));
    const wanted = Object.entries(table).flatMap(([room, { order = ["."] }]) => order.map((folder) => `${room}/${folder}`));
    expect(wanted.filter((place) => !known.has(place))).toEqual([]);
  });

  test("a file imports only folders of its room that come before its own", () => {
    const wrong = sources.flatMap(({ path, text }) =>
      staticImportsOf(text).flatMap((specifier) => {
        const why = climbs(path, specifier, table[roomOf(path) ?? ""]?.order ?? ["."]);
        return why === undefined ? [] : [`${path}: "${specifier}": ${why}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test("no rooms import each other in a circle, and no files do", () => {
    expect(circleIn(edgesBetween(sources, roomOf)) ?? []).toEqual([]);
    expect(circleIn(edgesBetween(sources, (path) => path)) ?? []).toEqual([]);
  });

  test("a file is named after its main export", () => {
    const wrong = sources.filter((source) => misnamed(source) !== undefined).map(({ path }) => path);
    expect(wrong.sort()).toEqual(Object.keys(namedOtherwise).sort());
  });

  test("what people read is in plain words", async () => {
    const texts = await proseFiles();
    expect(texts.flatMap(({ path, text }) => avoidedIn(text).map((found) => `${path}: ${found}`))).toEqual([]);
  });

  test("tests import across rooms by name, never by climbing", () => {
    const wrong = tests.flatMap(({ path, text }) =>
      importsOf(text)
        .filter((specifier) => specifier.includes("../") && !specifier.endsWith("../rooms.mjs"))
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

  test("what an error code means stands in one table, and no message is read", () => {
    const read = sources
      .filter(({ path }) => !foreignMessages.includes(path))
      .flatMap(({ path, text }) => [...withoutComments(text).matchAll(readsMessage)].map(([found]) => `${path}: ${found}`));
    const sets = sources.flatMap(({ path, text }) => setsOfCodes(withoutComments(text)).map((items) => `${path}: ${items}`));
    expect([...read, ...sets]).toEqual([]);
  });

  test("every limit is used, and in base only what several rooms need", () => {
    const wrong = sources
      .filter(({ path }) => path.endsWith("/limits.ts"))
      .flatMap(({ path, text }) =>
        [...text.matchAll(/^ {2}(\w+): /gm)].flatMap(([, name = ""]) => {
          const users = new Set(
            sources.filter((source) => new RegExp(`Limits\\s*\\.${name}\\b`).test(source.text)).map((source) => roomOf(source.path)),
          );
          return users.size === 0 || (roomOf(path) === "base" && users.size === 1 && !users.has("base")) ? [`${path}: ${name}`] : [];
        }),
      );
    expect(wrong).toEqual([]);
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
  test("errors", () => {
    for (const text of ['error.message.includes("is gone")', "/gone/.test(problem.message)", 'code.startsWith("profile-")'])
      expect(text.match(readsMessage)).toHaveLength(1);
    expect(setsOfCodes('new Set<string>([\n"forbidden",\n"x"])')).toHaveLength(1);
    expect(setsOfCodes('new Set(["ENOENT"])')).toEqual([]);
  });

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

  test("order and circles", () => {
    const order = ["read", ".", "edit"];
    expect(climbs("src/profile/read/a.ts", "#profile/edit/b.ts", order)).toContain("read comes before edit");
    expect(climbs("src/profile/edit/a.ts", "#profile/b.ts", order)).toBeUndefined();
    expect(climbs("src/profile/b.ts", "./c.ts", order)).toBeUndefined();
    expect(climbs("src/profile/new/a.ts", "#profile/b.ts", order)).toContain('"new" has no place');
    expect(climbs("src/profile/read/a.ts", "#base/errors.ts", order)).toBeUndefined();
    const edges = (...pairs: [string, string][]) => new Map(pairs.map(([from, to]) => [from, new Set([to])]));
    expect(circleIn(edges(["a", "b"], ["b", "c"], ["c", "a"]))).toEqual(["a", "b", "c", "a"]);
    expect(circleIn(edges(["a", "b"], ["b", "c"]))).toBeUndefined();
  });

  test("names", () => {
    const named = (path: string, text: string): string | undefined => misnamed({ path, text });
    expect(named("src/a/pings.ts", "export class Ping {\n}")).toBeUndefined();
    expect(named("src/a/h2-decoder.ts", "export class H2FrameDecoder {\n}")).toBeUndefined();
    expect(named("src/a/exec-channels.ts", "export class ChannelExec {\n}")).toBeUndefined();
    expect(named("src/a/topic.ts", "export class One {\n}\nexport const two = 1;")).toBeUndefined();
    expect(named("src/a/wrap.ts", "export interface Row {\n}\nexport function wrapped() {\n}")).toBeUndefined();
    expect(named("src/a/port.ts", "export function readPort() {\n}")).toBeUndefined();
    expect(named("src/a/lookup.ts", "export function lookUp() {\n}")).toBeUndefined();
    expect(named("src/a/gate.ts", "export class Semaphore {\n}")).toBe("src/a/gate.ts exports Semaphore");
    expect(named("src/a/other.ts", "export function readPort() {\n}")).toBe("src/a/other.ts exports readPort");
  });

  test("words", () => {
    expect(avoidedIn("Whoever is told that `x` is no pod.")).toHaveLength(3);
    expect(avoidedIn("There is no pod, the name is no longer read, and there is no such page.")).toEqual([]);
  });

  test("purity", () => {
    const bad = "const now = Date.now(); new Date; setTimeout(f, 1); console.log(1); Bun.nanoseconds(); fetch(url); process.env";
    expect([...bad.matchAll(impure)].length).toBe(7);
    expect([..."this.process(); stream.fetch(x); update.Date".matchAll(impure)].length).toBe(0);
  });
});
