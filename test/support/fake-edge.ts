/** The host of a public edge that only remembers what it was asked, and the edge on it that says what a test wants. */

import type { EdgeDocument } from "#expose/host/edge-document.ts";
import type { EdgeStatus } from "#expose/host/edge-status.ts";
import type { EdgeHost, HostDone, HostRequest } from "#operator/node/edge-host.ts";
import { makeWireGuardKeys } from "#wireguard/keys.ts";
import type { SshOptions } from "#remote/ssh-connection.ts";

export class FakeEdge {
  readonly publicKey = makeWireGuardKeys().publicKey;
  /** What was done to it, in order: "connect", "reconcile", "remove". */
  readonly calls: string[] = [];
  readonly requests: HostRequest[] = [];
  /** Thrown by the next calls. */
  failure: Error | undefined;
  /** Awaited by each reconcile. */
  delay: Promise<unknown> = Promise.resolve();
  repairs: HostDone["repairs"] = [];
  /** Changes the edge's answer. */
  says: (status: EdgeStatus) => EdgeStatus = (status) => status;
  /** The edge answers nothing. */
  isSilent = false;
  lastLogin: SshOptions | undefined;

  get document(): EdgeDocument | undefined {
    return this.requests.at(-1)?.document;
  }

  readonly open = async (ssh: SshOptions): Promise<EdgeHost> => {
    this.lastLogin = ssh;
    this.#call("connect");
    return {
      reconcile: async (request) => await this.#reconcile(request),
      restart: async () => this.#call("restart"),
      remove: async () => this.#call("remove"),
      close: () => {},
    };
  };

  readonly ask = async (): Promise<string> => {
    const { document } = this;
    if (document === undefined || this.isSilent) throw new Error("the edge does not answer");
    const bindings = document.bindings.map(({ id, hash }) => ({ id, hash, state: "Listening" as const, message: "" }));
    const lastHandshake = "2026-01-02T03:04:05Z";
    const uplinks = document.uplinks.map(({ ordinal }) => ({ ordinal, isHealthy: true, problem: "", lastHandshake }));
    return JSON.stringify(this.says({ hash: document.hash, startedAt: lastHandshake, bindings, uplinks }));
  };

  async #reconcile(request: HostRequest): Promise<HostDone> {
    this.#call("reconcile");
    await this.delay;
    const isNew = this.requests.length === 0;
    this.requests.push(request);
    return { isNew, repairs: this.repairs, hash: request.document.hash, warnings: [], takenPorts: [], publicKey: this.publicKey };
  }

  #call(name: string): void {
    this.calls.push(name);
    if (this.failure !== undefined) throw this.failure;
  }
}
