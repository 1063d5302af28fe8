/** Bundles the dashboard while kt is built, or when its module is loaded from source: a macro, so its result is part of the binary. */

import { spawnSync } from "bun";
import { KtError } from "#base/errors.ts";

/** Texts of the page's two files. */
export interface DashboardBundle {
  readonly script: string;
  readonly style: string;
}

export function bundle(): DashboardBundle {
  return { script: bundled("main.tsx"), style: bundled("style.css") };
}

/** In a process of its own: Bun's bundler cannot run within itself. Where it fails, so does the build of kt. */
function bundled(name: string): string {
  const entry = `${import.meta.dir}/../../dashboard/${name}`;
  const { stdout, stderr, success } = spawnSync([process.execPath, "build", entry, "--minify", "--target=browser"], {
    env: { PATH: process.env["PATH"] ?? "" },
  });
  if (!success) throw new KtError("internal", `bundle ${entry}: ${stderr.toString()}`);
  return stdout.toString();
}
