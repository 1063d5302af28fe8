/** One request of each kind through the front door, each with what came back and whether that was right. */

import { connect } from "bun";
import { sleep, systemClock } from "#base/clock.ts";
import { KtError, messageOf } from "#base/errors.ts";

export interface DemoAddresses {
  readonly ports: { readonly http: number; readonly echo: number };
  readonly suffix: string;
  readonly context: string;
  readonly namespace: string;
  readonly secureHost: string;
  /** PEM, of the TLS service. */
  readonly certificate: string;
}

/** What was tried and what came of it. */
export interface Attempt {
  readonly what: string;
  /** The URL or address. */
  readonly where: string;
  /** In one line. */
  readonly answer: string;
  readonly ok: boolean;
}

interface Trial {
  readonly what: string;
  readonly where: string;
  /** Resolves with what came back; rejects with what is wrong with it. */
  readonly run: () => Promise<string>;
}

/** The longest that one of them may take. */
const patienceMs = 15_000;
/** As long as a deleted pod may still answer. */
const maxRequests = 1000;

/** True when each of them went right. `replacePod` deletes a pod of the page's service, once another has been started. */
export async function tryAll(
  addresses: DemoAddresses,
  replacePod: (pod: string) => void,
  report: (attempt: Attempt) => void,
): Promise<boolean> {
  let allOk = true;
  for (const { what, where, run } of trials(addresses, replacePod)) {
    const [ok, answer] = await run().then(
      (text) => [true, text] as const,
      (error) => [false, messageOf(error)] as const,
    );
    report({ what, where, answer, ok });
    allOk &&= ok;
  }
  return allOk;
}

function trials(addresses: DemoAddresses, replacePod: (pod: string) => void): Trial[] {
  const { ports, namespace, context, suffix, secureHost } = addresses;
  const door = new Door(ports.http);
  const at = (host: string, path = "/"): string => `http://${host}:${ports.http}${path}`;
  const page = (what: string, host: string): Trial => ({
    what,
    where: at(host),
    run: async () => `200, a page from pod ${await door.podOfPage(host)}`,
  });
  const refusal = (what: string, host: string, status: number, words: string): Trial => ({
    what,
    where: at(host),
    run: () => door.expectRefusal(host, status, words),
  });
  return [
    page("page", "shop.localhost"),
    { what: "JSON", where: at("api.localhost", "/hello"), run: () => door.expectJson("api.localhost", "/hello") },
    { what: "WebSocket", where: `ws://api.localhost:${ports.http}/ws`, run: () => door.expectWebSocket("api.localhost") },
    { what: "events", where: at("api.localhost", "/events?n=3"), run: () => door.expectEvents("api.localhost") },
    { what: "TLS", where: `https://${secureHost}:${ports.http}/`, run: () => door.expectTls(secureHost, addresses.certificate) },
    { what: "TCP", where: `127.0.0.1:${ports.echo}`, run: () => expectEcho(ports.echo) },
    page("pattern", `web.${namespace}.demo.localhost`),
    page("dynamic name", `web-80.svc.${namespace}.ns.${context}.cx.${suffix}`),
    { what: "pod replaced", where: at("shop.localhost"), run: () => door.expectSuccessor("shop.localhost", replacePod) },
    refusal("crashing pod", "broken.localhost", 503, "CrashLoopBackOff"),
    refusal("unknown host", "nowhere.localhost", 404, "nowhere.localhost"),
  ];
}

/** The front door, asked by name without needing the name to resolve. */
class Door {
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /** The name of the pod that the page says it comes from. */
  async podOfPage(host: string): Promise<string> {
    const response = await this.#get(host, "/");
    const [, pod] = /pod <span class="pod">([^<]+)</.exec(await response.text()) ?? [];
    check(response.status === 200 && pod !== undefined, `status ${response.status} without the page`);
    return pod;
  }

  /** Not one request may fail while the pod that answered last gives way to another. */
  async expectSuccessor(host: string, replacePod: (pod: string) => void): Promise<string> {
    const before = await this.podOfPage(host);
    replacePod(before);
    for (let requests = 1; requests <= maxRequests; requests++) {
      const pod = await this.podOfPage(host);
      if (pod !== before) return `pod ${before} was deleted, pod ${pod} answered`;
      await sleep(systemClock, 1);
    }
    throw new KtError("connection-lost", `pod ${before} was deleted, and still answers`);
  }

  async expectJson(host: string, path: string): Promise<string> {
    const response = await this.#get(host, path);
    const { pod, headers } = (await response.json()) as { pod?: string; headers?: Record<string, string> };
    check(response.status === 200 && pod !== undefined, `status ${response.status} without JSON`);
    const forwarded = headers?.["x-forwarded-host"];
    check(forwarded?.startsWith(host) === true, `X-Forwarded-Host was ${forwarded}`);
    return `${response.status}, pod ${pod}, X-Forwarded-Host ${forwarded}`;
  }

  async expectEvents(host: string): Promise<string> {
    const response = await this.#get(host, "/events?n=3");
    const events = (await response.text()).split("\n").filter((line) => line.startsWith("data: "));
    check(events.length === 3, `${events.length} events instead of 3`);
    return `3 events, the last "${events.at(-1)?.slice("data: ".length)}"`;
  }

  async expectWebSocket(host: string): Promise<string> {
    const socket = new WebSocket(`ws://127.0.0.1:${this.#port}/ws`, { headers: { Host: `${host}:${this.#port}` } });
    const heard = Promise.withResolvers<string>();
    socket.onopen = () => socket.send("hello");
    socket.onmessage = ({ data }) => heard.resolve(String(data));
    socket.onerror = () => heard.reject(new KtError("connection-lost", "the WebSocket failed"));
    socket.onclose = ({ code }) => heard.reject(new KtError("connection-lost", `the WebSocket closed with ${code}`));
    const text = await withPatience(heard.promise);
    socket.close();
    check(text.endsWith("heard: hello"), `heard "${text}"`);
    return `"${text}"`;
  }

  /** Trusts the service's certificate alone: had kt ended TLS itself, this would fail. */
  async expectTls(host: string, certificate: string): Promise<string> {
    const url = `https://127.0.0.1:${this.#port}/`;
    const headers = { Host: `${host}:${this.#port}` };
    const tls = { ca: certificate, serverName: host };
    const response = await fetch(url, { headers, tls, signal: AbortSignal.timeout(patienceMs) });
    const { pod } = (await response.json()) as { pod?: string };
    check(response.status === 200 && pod !== undefined, `status ${response.status}`);
    return `${response.status}, pod ${pod}, with the pod's own certificate`;
  }

  async expectRefusal(host: string, status: number, words: string): Promise<string> {
    const response = await this.#get(host, "/", { Accept: "text/html" });
    const text = await response.text();
    check(response.status === status && text.includes(words), `status ${response.status}, not ${status} with "${words}"`);
    const [, title = ""] = /<h1[^>]*>([^<]*)</.exec(text) ?? [];
    return `${status}, a page that says "${title.trim()}"`;
  }

  #get(host: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.#port}${path}`, {
      headers: { ...headers, Host: `${host}:${this.#port}` },
      signal: AbortSignal.timeout(patienceMs),
    });
  }
}

async function expectEcho(port: number): Promise<string> {
  const heard = Promise.withResolvers<string>();
  let text = "";
  const socket = await connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: (opened) => void opened.write("echo this\n"),
      data(_socket, bytes) {
        text += bytes.toString();
        if (text.endsWith("echo this\n")) heard.resolve(text);
      },
      close: () => heard.reject(new KtError("connection-lost", `closed after "${text}"`)),
    },
  });
  const lines = (await withPatience(heard.promise)).trim().split("\n");
  socket.end();
  return lines.map((line) => `"${line}"`).join(", ");
}

async function withPatience<T>(promise: Promise<T>): Promise<T> {
  const tooLong = Promise.withResolvers<never>();
  const timer = setTimeout(() => tooLong.reject(new KtError("connection-lost", `no answer within ${patienceMs / 1000} s`)), patienceMs);
  try {
    return await Promise.race([promise, tooLong.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function check(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new KtError("backend-invalid", problem);
}
