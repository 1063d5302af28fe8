/** Runs a text script: commands, what each must print, and the files they find. */

import { mkdir, writeFile } from "node:fs/promises";
import { file } from "bun";
import { freePorts } from "./process.ts";
import { SourceHome } from "./source-home.ts";

export interface ScriptStep {
  readonly command: readonly string[];
  readonly exitCode: number;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
}

export interface Script {
  readonly steps: readonly ScriptStep[];
  readonly files: ReadonlyMap<string, string>;
}

/**
 * `$ kt …` begins a step; below it `exit N`, `> ` lines of stdout and `! ` lines of stderr, complete and in order. In them
 * `...` stands for any text, and alone on a line for any lines. `-- NAME --` begins a file.
 */
export function parseScript(text: string): Script {
  const [head = "", ...rest] = text.split(/^-- (.+) --\n/m);
  const files = new Map<string, string>();
  for (let index = 0; index + 1 < rest.length; index += 2) files.set(rest[index] ?? "", rest[index + 1] ?? "");
  const steps = head
    .split(/^\$ /m)
    .slice(1)
    .map((block): ScriptStep => {
      const [command = "", ...lines] = block.split("\n");
      const marked = (mark: string) => lines.filter((line) => line.startsWith(mark)).map((line) => line.slice(mark.length));
      return { command: command.split(" "), exitCode: Number(marked("exit ")[0] ?? 0), stdout: marked("> "), stderr: marked("! ") };
    });
  return { steps, files };
}

/** Whether the output is what the lines describe. */
export function matches(output: string, lines: readonly string[]): boolean {
  const pattern = lines.map((line) => {
    if (line === "...") return "(?:.*\\n)*?";
    return `${line.split("...").map(escapePattern).join(".*")}\\n`;
  });
  return new RegExp(`^${pattern.join("")}$`).test(output);
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** Runs every step in one fresh home. Resolves to what went otherwise, as text; empty when all went as written. */
export async function runScript(path: string): Promise<string> {
  await using home = await SourceHome.make();
  const [port = 0] = freePorts(1);
  const values: Record<string, string> = { PROJECT: home.project, PORT: String(port), PLATFORM: `${process.platform}-${process.arch}` };
  const text = (await file(path).text()).replace(/\[([A-Z]+)\]/g, (whole, name: string) => values[name] ?? whole);
  const script = parseScript(text);
  for (const [name, content] of script.files) await writeInto(name.startsWith("home/") ? home.path : home.project, name, content);
  let report = "";
  for (const step of script.steps) report += await runStep(home, step);
  return report;
}

async function runStep(home: SourceHome, step: ScriptStep): Promise<string> {
  const { exitCode, stdout, stderr } = await home.run(step.command.slice(1));
  if (exitCode === step.exitCode && matches(stdout, step.stdout) && matches(stderr, step.stderr)) return "";
  const marked = (mark: string, text: string) => text.replace(/^(?=.)/gm, mark);
  return `$ ${step.command.join(" ")}\nexit ${exitCode}\n${marked("> ", stdout)}${marked("! ", stderr)}\n`;
}

async function writeInto(directory: string, name: string, content: string): Promise<void> {
  const path = `${directory}/${name}`;
  await mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await writeFile(path, content);
}
