/** Which system this is. */

import { arch, platform, release } from "node:os";

export interface SystemFacts {
  readonly platform: string;
  readonly arch: string;
  /** Of the kernel; under WSL it says so. */
  readonly release: string;
}

export function systemFacts(): SystemFacts {
  return { platform: platform(), arch: arch(), release: release() };
}
