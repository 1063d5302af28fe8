/** What an uplink needs of its end of the tunnel, whatever carries it. */

import type { UplinkDocument } from "#expose/host/uplink-document.ts";

export interface UplinkTunnel {
  /** Makes it as the document says; called with each newer one, one call at a time. Rejects with why not: it is called again soon. */
  follow(document: UplinkDocument, address: string): Promise<void>;
  /** Why nothing can come through; undefined where it can. */
  problem(): string | undefined;
  /** The edge was heard through it. */
  heard(): void;
  close(): Promise<void>;
}
