/** A tree of things to close, closed in reverse order, once. */

type Closer = () => void | Promise<void>;

/** Collects closers; `close` runs them newest first, goes on past failures and reports them together. */
export class Scope {
  readonly #closers: Closer[] = [];
  #closing: Promise<void> | undefined;

  /** Adds a closer; on a scope that is closing it runs at once. Returns a function that forgets it unrun. */
  add(closer: Closer): () => void {
    if (this.#closing) {
      void Promise.resolve(closer());
      return () => {};
    }
    this.#closers.push(closer);
    return () => {
      const at = this.#closers.indexOf(closer);
      if (at >= 0) this.#closers.splice(at, 1);
    };
  }

  /** Closes everything once; later calls give the same promise. Rejects with an AggregateError when closers failed. */
  close(): Promise<void> {
    this.#closing ??= this.#run();
    return this.#closing;
  }

  async #run(): Promise<void> {
    const failures: unknown[] = [];
    for (let closer = this.#closers.pop(); closer; closer = this.#closers.pop()) {
      try {
        await closer();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, "closing failed");
  }
}
