/** Runs the shell blocks of a page, one after the other as a reader would, in a project made of the page's own files. */

import { chmod, mkdir, writeFile } from "node:fs/promises";
import { type Subprocess, file, spawn } from "bun";
import { commandLines, type DocBlock, root } from "./doc-blocks.ts";
import { freePorts } from "./process.ts";
import { matches } from "./script.ts";
import { eventually, within } from "./wait.ts";

/** Numbers and names that the pages write, and what stands for them on this machine. */
export class Words {
  readonly #pairs: readonly (readonly [written: string, actual: string])[];

  /** Pairs are gone through in their order. */
  constructor(pairs: readonly (readonly [written: string, actual: string])[]) {
    this.#pairs = pairs;
  }

  /** Free ports for the local ports of the pages, in the same order since kt sorts by them; whatever else is given comes before. */
  static withPorts(ports: readonly number[], others: Readonly<Record<string, string>> = {}): Words {
    const free = freePorts(ports.length).sort((a, b) => a - b);
    const sorted = [...ports].sort((a, b) => a - b);
    return new Words([...Object.entries(others), ...sorted.map((port, index) => [`${port}`, `${free[index]}`] as const)]);
  }

  actual(text: string): string {
    return this.#pairs.reduce((so, [written, actual]) => replaceWord(so, written, actual), text);
  }

  written(text: string): string {
    return this.#pairs.reduce((so, [written, actual]) => replaceWord(so, actual, written), text);
  }

  port(written: number): number {
    return Number(this.actual(String(written)));
  }
}

function replaceWord(text: string, from: string, to: string): string {
  return text.replace(new RegExp(`(?<!\\w)${from.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?!\\w)`, "g"), to);
}

/** Local ports that the pages use. */
export const writtenPorts = [8989, 8988, 5432, 5433, 6379, 3306, 8080] as const;

/** A user's machine as the pages need it. */
export interface DocHome {
  readonly project: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Longer than any command of the pages takes, and shorter than the test's own deadline. */
const patienceMs = 20_000;

export class DocRunner {
  readonly #home: DocHome;
  readonly #words: Words;
  readonly #bin: string;

  private constructor(home: DocHome, words: Words) {
    this.#home = home;
    this.#words = words;
    this.#bin = `${home.project}-bin`;
  }

  /** `kt` is its argv. */
  static async make(home: DocHome, words: Words, kt: readonly string[]): Promise<DocRunner> {
    const runner = new DocRunner(home, words);
    await mkdir(runner.#bin, { recursive: true });
    await runner.#program("kt", `exec ${kt.map((word) => `'${word}'`).join(" ")} "$@"`);
    // What the pages start with kt, on machines that do not have it.
    await runner.#program("psql", `exec '${process.execPath}' '${root}test/support/doc-psql.ts' "$@"`);
    await runner.#program("npm", 'echo "npm $* with DATABASE_URL=$DATABASE_URL"');
    // Whatever a page may come to hold: no test changes the services of its user.
    for (const manager of ["systemctl", "launchctl"]) await runner.#program(manager, "exit 1");
    return runner;
  }

  async #program(name: string, script: string): Promise<void> {
    await writeFile(`${this.#bin}/${name}`, `#!/bin/sh\n${script}\n`);
    await chmod(`${this.#bin}/${name}`, 0o755);
  }

  /** A file of the page. The front door's port of this machine goes where it changes nothing that the page shows. */
  async write(name: string, text: string): Promise<void> {
    const path = `${this.#home.project}/${name}`;
    const folder = path.slice(0, path.lastIndexOf("/"));
    await mkdir(folder, { recursive: true });
    await writeFile(path, this.#words.actual(text));
    if (name.endsWith("tunnels.local.toml")) await this.#writeLocal(path, text);
    else if (name.endsWith("tunnels.toml")) await this.#addLocal(folder);
  }

  /** Unless the page has written one. */
  async #addLocal(folder: string): Promise<void> {
    const path = `${folder}/tunnels.local.toml`;
    if (!(await file(path).exists())) await this.#writeLocal(path, "");
  }

  async #writeLocal(path: string, text: string): Promise<void> {
    const port = this.#words.port(8989);
    const listen = text.includes("[http]") ? "" : `\n[http]\nlisten = ["127.0.0.1:${port}", "[::1]:${port}"]\n`;
    await writeFile(path, this.#words.actual(text) + listen);
  }

  /** Runs a block, or takes it over as a file. Resolves to what went otherwise than the page says; empty when nothing did. */
  async run(block: DocBlock): Promise<string> {
    if (block.fileName !== undefined) {
      await this.write(block.fileName, block.text);
      return "";
    }
    const folder = block.words.includes("new") ? `${this.#home.project}-new-${block.line}` : this.#home.project;
    await mkdir(folder, { recursive: true });
    await this.#addLocal(folder);
    if (block.words.includes("attached")) await this.#shell("kt up -d", folder);
    if (block.words.includes("stays")) return await this.#stay(block, folder);
    return block.language === "console" ? await this.#compare(block, folder) : await this.#succeed(block.text, folder);
  }

  async #succeed(script: string, folder: string): Promise<string> {
    const { output, exitCode } = await this.#shell(script, folder);
    return exitCode === 0 ? "" : `${script}ended with ${exitCode}:\n${output}`;
  }

  /** Each command of a console block against the lines below it. */
  async #compare({ text }: DocBlock, folder: string): Promise<string> {
    let report = "";
    for (const step of text.split(/^\$ /m).slice(1)) {
      const [command = "", ...expected] = step.trimEnd().split("\n");
      const { output } = await this.#shell(command, folder);
      if (!this.#isAsWritten(output, expected)) report += `$ ${command}\n${this.#words.written(output)}`;
    }
    return report;
  }

  #isAsWritten(output: string, expected: readonly string[]): boolean {
    const even = (text: string): string => text.replace(/[ \t]+/g, " ").replace(/ $/gm, "");
    return matches(even(this.#words.written(output)), even(expected.join("\n")).split("\n"));
  }

  /** A command that goes on: Ctrl-C once it has shown what it should. */
  async #stay(block: DocBlock, folder: string): Promise<string> {
    const [command = ""] = commandLines(block);
    const expected = block.language === "console" ? block.text.trimEnd().split("\n").slice(1) : undefined;
    const child = this.#spawn(`exec ${command} 2>&1`, folder);
    let output = "";
    const read = (async () => {
      for await (const bytes of child.stdout) output += new TextDecoder().decode(bytes);
    })();
    const shown = await eventually(`what "${command}" shows`, () => (expected ? this.#isAsWritten(output, expected) : output !== "")).then(
      () => "",
      () => `$ ${command}\n${this.#words.written(output)}`,
    );
    child.kill("SIGINT");
    const exitCode = await this.#end(child, command);
    await read;
    return shown + (exitCode === 0 || exitCode === 130 ? "" : `${command} ended with ${exitCode}:\n${output}`);
  }

  async #shell(script: string, folder: string): Promise<{ output: string; exitCode: number }> {
    const child = this.#spawn(`exec 2>&1; ${script}`, folder);
    const [output, exitCode] = await Promise.all([new Response(child.stdout).text(), this.#end(child, script)]);
    return { output, exitCode };
  }

  /** Its exit code; one that does not end in time is killed. */
  async #end(child: Subprocess, what: string): Promise<number> {
    try {
      return await within(patienceMs, what, child.exited);
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
  }

  #spawn(script: string, folder: string): Subprocess<"ignore", "pipe", "inherit"> {
    const env = { ...this.#home.env, PATH: `${this.#bin}:${this.#home.env["PATH"]}`, NO_COLOR: "1", BROWSER: "echo" };
    return spawn(["sh", "-euc", this.#words.actual(script)], { cwd: folder, env, stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  }
}
