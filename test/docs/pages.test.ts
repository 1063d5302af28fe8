/** Holds the pages of docs/ against the code: what is generated is current, profiles load, commands and links lead somewhere. */

import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { file } from "bun";
import { commands, globalOptions } from "#cli/commands.ts";
import { loadPlan } from "#profile/load.ts";
import { ProfileError, formatProblem } from "#profile/values/problems.ts";
import { generatedPages } from "#scripts/docs/pages.ts";
import { allBlocks, commandLines, type DocBlock, isShell, pages, parseBlocks, root } from "#test/support/doc-blocks.ts";

const blocks = await allBlocks();
const texts = await pages();

function place({ page, line }: DocBlock): string {
  return `${page}:${line}`;
}

describe("generated pages are what `bun run fix` writes:", () => {
  test.each([...generatedPages()])("%s", async (path, text) => {
    expect(await file(root + path).text()).toBe(text);
  });
});

describe("profiles load without a problem or a warning:", () => {
  const profiles = blocks.filter(({ language }) => language === "toml");

  test.each(profiles.map((block) => [place(block), block] as const))("%s", async (_, block) => {
    expect(await problemsOf(block)).toEqual([]);
  });

  /** Of one block, beside the other files of its page. What it extends and the page does not show is there, and empty. */
  async function problemsOf({ page, line, text }: DocBlock): Promise<string[]> {
    const before = profiles.filter((other) => other.page === page && other.line < line && other.fileName !== undefined);
    const files = new Map(before.map((other) => [other.fileName, other.text]));
    const folder = "/home/me/shop";
    const readText = async (path: string): Promise<string | undefined> => {
      if (path === `${folder}/tunnels.toml`) return text;
      const name = path.replace(`${folder}/`, "");
      return name === "tunnels.local.toml" ? undefined : (files.get(name) ?? "");
    };
    const environment = { USER: "me", HOME: "/home/me" };
    try {
      const { warnings } = await loadPlan({ file: `${folder}/tunnels.toml`, environment, home: "/home/me", readText });
      return warnings.map((warning) => formatProblem(warning, folder));
    } catch (error) {
      if (error instanceof ProfileError) return error.problems.map((problem) => formatProblem(problem, folder));
      throw error;
    }
  }
});

describe("commands", () => {
  /** The words of kt in a line: those after `kt`, up to what the shell takes for itself and to `--`. */
  function callsOfKt(line: string): string[][] {
    const withoutComment = line.replace(/(^|\s)#.*$/, "");
    return [...withoutComment.matchAll(/(?:^|[\s"(=;&|])kt((?: [^\s|;&>()`]+)*)/g)].map((match) => {
      const words = (match[1] ?? "").trim().split(/\s+/);
      const end = words.indexOf("--");
      return end < 0 ? words : words.slice(0, end);
    });
  }

  function objection(words: readonly string[]): string | undefined {
    const [name = "", ...rest] = words;
    if (name === "" || /^(COMMAND|--help|--version|help)$/.test(name)) return undefined;
    const [second = ""] = rest;
    const spec = commands.find((each) => [name, `${name} ${second}`].includes(each.name) || each.aliases?.includes(name));
    if (!spec) return `there is no command "${name}"`;
    const flags = [...spec.options, ...globalOptions].flatMap(([text]) => text.match(/--?[A-Za-z][\w-]*/g) ?? []);
    const wrong = rest.find((word) => /^--?[A-Za-z]/.test(word) && !flags.includes(word.replace(/=.*/, "")));
    return wrong === undefined ? undefined : `kt ${name} has no option "${wrong}"`;
  }

  test("of kt in every block exist, with their options", () => {
    const calls = blocks
      .filter(isShell)
      .flatMap((block) =>
        commandLines(block).flatMap((line) => callsOfKt(line).map((words) => ({ where: place(block), wrong: objection(words) }))),
      );
    expect(calls.filter(({ wrong }) => wrong !== undefined)).toEqual([]);
    expect(calls.length).toBeGreaterThan(50);
  });

  test("of kt in the text exist, with their options", () => {
    const wrong = [...texts].flatMap(([path, text]) => {
      const prose = text.replace(/^```[\s\S]*?^```$/gm, "");
      const inline = [...prose.matchAll(/`(kt [^`]+)`/g)].map((match) => match[1] ?? "");
      return inline.flatMap((line) => callsOfKt(line).map((words) => `${path}: ${objection(words) ?? ""}`));
    });
    expect(wrong.filter((each) => !each.endsWith(": "))).toEqual([]);
  });

  test("stand in blocks that a test knows how to run", () => {
    const others = blocks.filter(({ language }) => !/^(sh|console|toml|yaml|json|text)$/.test(language));
    const wrong = blocks.filter(({ language, text }) => language === "sh" && /^\$ /m.test(text));
    expect([...others, ...wrong].map(place)).toEqual([]);
  });

  test("that do not exist would be noticed", () => {
    expect(callsOfKt('psql "$(kt url 5432)" # kt nothing').map(objection)).toEqual([undefined]);
    expect(callsOfKt("kt run -- kt nothing").map(objection)).toEqual([undefined]);
    expect(callsOfKt("cd x && kt nothing").map(objection)).toEqual(['there is no command "nothing"']);
    expect(callsOfKt("kt up --dtach").map(objection)).toEqual(['kt up has no option "--dtach"']);
    expect(() => parseBlocks("x.md", "```sh sometimes\nkt up\n```")).toThrow('x.md:1: a block cannot say "sometimes"');
    expect(() => parseBlocks("x.md", "- so\n\n  ```sh\n  kt up\n  ```")).toThrow("x.md:3: a block begins at the margin");
  });
});

test("files of the code that maintainers are led to are there", () => {
  const led = [...texts].filter(
    ([path]) => path === "CONTRIBUTING.md" || path === "docs/architecture.md" || path.startsWith("docs/decisions/"),
  );
  const isRoom = (room: string): boolean => existsSync(`${root}src/${room}`);
  const matches = led.flatMap(([, text]) => [...text.matchAll(/`(([a-z0-9]+)\/[\w/.-]+)`/g)]);
  const named = matches.filter(([, , room = ""]) => isRoom(room)).map(([, name = ""]) => name);
  expect(named.filter((name) => !existsSync(`${root}src/${name}`) && !existsSync(`${root}src/${name}.ts`))).toEqual([]);
  expect(named.length).toBeGreaterThan(10);
});

describe("links", () => {
  /** As GitHub makes them. */
  function anchors(markdown: string): string[] {
    return [...markdown.matchAll(/^#+ (.+)$/gm)].map((match) =>
      (match[1] ?? "")
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    );
  }

  test("lead to files and headings that are there", () => {
    const broken = [...texts].flatMap(([path, text]) => {
      const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/") + 1) : "";
      const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? "").filter((link) => !/^https?:/.test(link));
      return links.filter((link) => !leads(link, path, folder)).map((link) => `${path}: ${link}`);
    });
    expect(broken).toEqual([]);
  });

  test("to the newest release are relative, so that they lead to the repository that publishes", () => {
    expect(leads("../../releases/latest", "README.md", "")).toBe(true);
    expect(leads("../../releases/latest", "docs/http.md", "docs/")).toBe(false);
  });

  test("and commands hold no placeholder for who publishes", () => {
    expect([...texts].filter(([, text]) => /github\.com\/(?:OWNER|USER|ORG|<)/.test(text)).map(([path]) => path)).toEqual([]);
  });

  /** A page of GitHub stands two folders below its repository's address, as `blob/main/`. */
  const newestRelease = (folder: string): string => `../../${"../".repeat(folder.split("/").length - 1)}releases/latest`;

  function leads(link: string, path: string, folder: string): boolean {
    if (link === newestRelease(folder)) return true;
    const [target = "", anchor] = link.split("#");
    const resolved = target === "" ? path : new URL(folder + target, "file:///").pathname.slice(1);
    if (!existsSync(root + resolved)) return false;
    const text = texts.get(resolved);
    return anchor === undefined || text === undefined || anchors(text).includes(anchor);
  }
});
