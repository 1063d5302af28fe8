/** A WebSocket client that asks and waits for answers in order. */

/** An open WebSocket; messages queue until asked for. */
export class TestWebSocket {
  readonly #socket: WebSocket;
  readonly #messages: string[] = [];
  readonly #waiting: ((message: string) => void)[] = [];
  /** Resolves with the close code. */
  readonly closed: Promise<number>;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", (event) => {
      const waiting = this.#waiting.shift();
      if (waiting) waiting(String(event.data));
      else this.#messages.push(String(event.data));
    });
    this.closed = new Promise((resolve) => socket.addEventListener("close", (event) => resolve(event.code)));
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  send(message: string): void {
    this.#socket.send(message);
  }

  /** The next message; rejects when the socket closes first. */
  async next(): Promise<string> {
    const queued = this.#messages.shift();
    if (queued !== undefined) return queued;
    const message = new Promise<string>((resolve) => this.#waiting.push(resolve));
    const closed = this.closed.then((code) => {
      throw new Error(`the WebSocket closed with ${code}`);
    });
    return await Promise.race([message, closed]);
  }

  async ask(message: string): Promise<string> {
    this.send(message);
    return await this.next();
  }

  async close(): Promise<number> {
    this.#socket.close(1000);
    return await this.closed;
  }
}

export async function openWebSocket(port: number, host: string, path: string): Promise<TestWebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: { Host: host } });
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("close", (event) => reject(new Error(`WebSocket to ${host}: ${event.code} ${event.reason}`)));
  });
  return new TestWebSocket(socket);
}
