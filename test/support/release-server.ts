/** Serves releases of a pretended kt on loopback, whole or in the ways in which downloads break. */

import { CryptoHasher, gzipSync, listen, type Socket, type TCPSocketListener } from "bun";

/** How an answer breaks: its second half is missing, or never comes. */
type Fault = "cut" | "stalled";

const targets = ["linux-x64", "linux-arm64", "linux-x64-musl", "linux-arm64-musl", "darwin-x64", "darwin-arm64"] as const;

/** A program that says what kt would say. */
export function pretendedKt(version: string, options: { target?: string; hub?: string } = {}): string {
  const status = `{"hub":${options.hub ?? "null"},"profiles":[]}`;
  const cases = `version) echo "kt ${version} (abc) ${options.target ?? "linux-x64"}" ;; status) echo '${status}' ;;`;
  return `#!/bin/sh\ncase $1 in ${cases} esac\n`;
}

/** By name. */
export type ReleaseFiles = Readonly<Record<string, string | Uint8Array>>;

/** The files of a release, with their sums; of a program for every target, or of this one. */
export function release(version: string, program?: string): ReleaseFiles {
  const plain = targets.map((target) => [`kt-${target}`, program ?? pretendedKt(version, { target })] as const);
  const files = [...plain, ...plain.map(([name, text]) => [`${name}.gz`, gzipSync(text)] as const)];
  const sums = files.map(([name, content]) => `${new CryptoHasher("sha256").update(content).digest("hex")}  ${name}\n`);
  return { ...Object.fromEntries(files), SHA256SUMS: sums.join("") };
}

export class ReleaseServer {
  readonly #files = new Map<string, Buffer>();
  readonly #faults = new Map<string, Fault>();
  readonly #listener: TCPSocketListener;
  /** The paths that were asked for. */
  requests: string[] = [];
  /** Told of every request, once its answer is on the way. */
  onRequest: (path: string) => void = () => undefined;

  constructor() {
    this.#listener = listen<undefined>({
      hostname: "127.0.0.1",
      port: 0,
      socket: { data: (socket, bytes) => this.#answer(socket, bytes.toString()) },
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#listener.port}`;
  }

  /** Forgets everything, and serves these files in a folder. */
  serve(folder: string, files: ReleaseFiles): void {
    this.#files.clear();
    this.#faults.clear();
    this.requests = [];
    this.onRequest = () => undefined;
    this.add(folder, files);
  }

  add(folder: string, files: ReleaseFiles): void {
    for (const [name, content] of Object.entries(files)) this.#files.set(`${folder}/${name}`, Buffer.from(content));
  }

  breaks(path: string, fault: Fault): void {
    this.#faults.set(path, fault);
  }

  #answer(socket: Socket<undefined>, request: string): void {
    const path = /^GET (\S+)/.exec(request)?.[1] ?? "";
    const found = this.#files.get(path);
    const fault = this.#faults.get(path);
    const body = found ?? Buffer.from("not here\n");
    const head = `HTTP/1.1 ${found === undefined ? "404 Not Found" : "200 OK"}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
    socket.write(Buffer.concat([Buffer.from(head), fault === undefined ? body : body.subarray(0, body.length / 2)]));
    if (fault !== "stalled") socket.end();
    this.requests.push(path);
    this.onRequest(path);
  }

  close(): void {
    this.#listener.stop(true);
  }
}
