/** Schemathesis, which makes requests out of an OpenAPI document: from the PATH, else installed by pip beside the cached cluster. */

import { existsSync } from "node:fs";
import { which } from "bun";
import { type Ran, run } from "./cluster.ts";

const pinned = "schemathesis==4.32.5";

export class Schemathesis {
  readonly #program: string;

  private constructor(program: string) {
    this.#program = program;
  }

  /** Installed into the folder where it is not there. A text is why that cannot be. */
  static async find(folder: string): Promise<Schemathesis | string> {
    const installed = `${folder}/bin/schemathesis`;
    const found = which("schemathesis") ?? (existsSync(installed) ? installed : undefined);
    if (found !== undefined) return new Schemathesis(found);
    for (const command of [
      ["python3", "-m", "venv", folder],
      [`${folder}/bin/pip`, "install", "--quiet", "--disable-pip-version-check", pinned],
    ]) {
      const ran = await run(command).catch((error: Error): Ran => ({ exitCode: 1, stdout: "", stderr: error.message }));
      if (ran.exitCode !== 0) return `${command.join(" ")}: ${ran.stderr.trim()}`;
    }
    return new Schemathesis(installed);
  }

  /** Tries the operations of a document at this address; what it notes for itself goes into the folder of the document. */
  async run(document: string, url: string, args: readonly string[]): Promise<Ran> {
    const cwd = document.slice(0, document.lastIndexOf("/"));
    return await run([this.#program, "run", document, "--url", url, "--no-color", ...args], { cwd });
  }
}
