/** A host as a worker uses it: one connection that is kept, brought to what is wanted, or left as it was before. */

import type { EdgeDocument } from "#expose/host/edge-document.ts";
import type { CertificateFile } from "#operator/host/wanted/wanted-host.ts";
import type { TakenPort } from "#remote/doctor/taken-port.ts";
import type { SshOptions } from "#remote/ssh-connection.ts";

export interface HostRequest {
  readonly document: EdgeDocument;
  readonly certificates: readonly CertificateFile[];
  readonly disablesOffloads: boolean;
}

export interface HostDone {
  /** Nothing of kt was there. */
  readonly isNew: boolean;
  /** What was not as wanted and now is, each as a part of a sentence. */
  readonly repairs: readonly { readonly kind: string; readonly text: string }[];
  /** The same in both of two requests: each repair of the second is drift. */
  readonly hash: string;
  readonly warnings: readonly string[];
  /** By other programs than kt. */
  readonly takenPorts: readonly TakenPort[];
  /** Of the edge's end of the tunnel. */
  readonly publicKey: string | undefined;
}

/** Each rejects with KtError. */
export interface EdgeHost {
  reconcile(request: HostRequest): Promise<HostDone>;
  /** The edge gives its ports to a fresh instance of itself. */
  restart(request: HostRequest): Promise<void>;
  remove(): Promise<void>;
  close(): void;
}

/** Rejects as `RemoteHost.open` does. */
export type OpenHost = (ssh: SshOptions) => Promise<EdgeHost>;
