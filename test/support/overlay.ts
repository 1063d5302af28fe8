/** Addresses of this machine's loopback that stand for those inside a tunnel, apart from those of other tests. Linux only. */

import { describe } from "bun:test";
import { listen } from "bun";

export interface Overlay {
  readonly network: string;
  readonly edge: string;
  /** Where clients come to. */
  readonly public: string;
  uplink(ordinal: number): string;
  [Symbol.dispose](): void;
}

/** Only Linux has the whole of 127.0.0.0/8. */
const hasOverlay = process.platform === "linux";

/** Tests that need such addresses; where there are none the title says why they are skipped. */
export function onOverlay(title: string, tests: () => void): void {
  if (hasOverlay) describe(title, tests);
  else describe.skip(`${title}: skipped, since only Linux has the whole of 127.0.0.0/8`, tests);
}

/** A network of its own for as long as it is held: a port of its last address says so to other tests. */
export function overlay(): Overlay {
  for (;;) {
    const [second, third] = [64 + Math.floor(Math.random() * 64), Math.floor(Math.random() * 256)];
    const base = `127.${second}.${third}`;
    try {
      const claim = listen({ hostname: `${base}.254`, port: 40_499, socket: { data() {} } });
      return {
        network: `${base}.0/24`,
        edge: `${base}.1`,
        public: `${base}.100`,
        uplink: (ordinal) => `${base}.${2 + ordinal}`,
        [Symbol.dispose]: () => claim.stop(true),
      };
    } catch {
      // Another test has it.
    }
  }
}
