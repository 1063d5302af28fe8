/** One watch: what is there, then every change that its selectors let through, until its time is up. */

import type { Clock } from "#base/clock.ts";
import type { BodyStream } from "#http/server.ts";
import type { Selects } from "./selectors.ts";
import { type Status, tooOldToWatch } from "./status.ts";
import type { Change, Collection, ObjectStore, StoredObject } from "./store.ts";

export interface WatchRequest {
  readonly collection: Collection;
  /** Of the objects in it. */
  readonly kind: string;
  readonly apiVersion: string;
  readonly namespace: string | undefined;
  readonly selects: Selects;
  /** Undefined begins with all that is there. */
  readonly version: number | undefined;
  readonly bookmarks: boolean;
  readonly timeoutMs: number | undefined;
}

/** The server ends a watch by itself after a while; the real one picks 5 to 10 minutes. */
const defaultTimeoutMs = 5 * 60 * 1000;

export class Watch {
  readonly #request: WatchRequest;
  readonly #store: ObjectStore;
  readonly #stream: BodyStream;
  readonly #stopFollowing: () => void;
  readonly #cancelTimeout: () => void;

  constructor(request: WatchRequest, store: ObjectStore, clock: Clock, stream: BodyStream) {
    this.#request = request;
    this.#store = store;
    this.#stream = stream;
    this.#stopFollowing = store.follow((change) => this.#tell(change));
    this.#cancelTimeout = clock.after(request.timeoutMs ?? defaultTimeoutMs, () => this.#timeOut());
    this.#catchUp();
  }

  /** Says up to which version everything has been told, where the client asked for that. */
  bookmark(): void {
    if (!this.#request.bookmarks) return;
    const { kind, apiVersion } = this.#request;
    const metadata = { resourceVersion: String(this.#store.version), creationTimestamp: null };
    this.#send("BOOKMARK", { kind, apiVersion, metadata });
  }

  /** Ends it as the server does of its own accord. */
  end(): void {
    this.stop();
    this.#stream.end();
  }

  fail(status: Status): void {
    this.#send("ERROR", status);
    this.end();
  }

  cut(): void {
    this.stop();
    this.#stream.abort();
  }

  /** The client has left. */
  stop(): void {
    this.#stopFollowing();
    this.#cancelTimeout();
  }

  #catchUp(): void {
    const { version, collection, namespace, selects } = this.#request;
    if (version === undefined) {
      for (const object of this.#store.list(collection, namespace).filter(selects)) this.#sendObject("ADDED", object);
      return;
    }
    const missed = this.#store.since(version);
    if (missed === "expired") this.fail(tooOldToWatch(version, this.#store.oldestVersion));
    else for (const change of missed) this.#tell(change);
  }

  #tell({ collection, type, object, before }: Change): void {
    const { selects, namespace } = this.#request;
    if (collection !== this.#request.collection) return;
    if (namespace !== undefined && namespace !== object.metadata.namespace) return;
    const is = type !== "DELETED" && selects(object);
    const was = before !== undefined && selects(before);
    if (is) this.#sendObject(was ? "MODIFIED" : "ADDED", object);
    else if (was) this.#sendObject("DELETED", object);
  }

  #timeOut(): void {
    this.bookmark();
    this.end();
  }

  #sendObject(type: string, object: StoredObject): void {
    const { kind, apiVersion } = this.#request;
    this.#send(type, { kind, apiVersion, ...object });
  }

  #send(type: string, object: object): void {
    this.#stream.write(Buffer.from(`${JSON.stringify({ type, object })}\n`));
  }
}
