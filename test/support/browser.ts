/** The Chromium of Debian without a window: opens addresses at a width, with a home of its own. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Browser, chromium, type Page } from "playwright-core";

const flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"];

export interface Look {
  readonly width: number;
  readonly dark?: boolean;
}

export class Chromium {
  readonly #browser: Browser;
  readonly #home: string;
  readonly #checksCertificates: boolean;

  private constructor(browser: Browser, home: string, checksCertificates: boolean) {
    this.#browser = browser;
    this.#home = home;
    this.#checksCertificates = checksCertificates;
  }

  /**
   * `hosts`: names that lead to this machine here, whatever the DNS says; `more`: further flags; `trust`: puts certificates into the store
   * of its home, and then it takes no others.
   */
  static async start(
    hosts: readonly string[] = [],
    more: readonly string[] = [],
    trust?: (home: string) => Promise<unknown>,
  ): Promise<Chromium> {
    const home = mkdtempSync(`${tmpdir()}/kt-chromium-`);
    await trust?.(home);
    const browser = await chromium.launch({
      executablePath: process.env["KT_E2E_CHROMIUM"] ?? "/usr/bin/chromium",
      args: [...flags, ...more, `--host-resolver-rules=${hosts.map((host) => `MAP ${host} 127.0.0.1`).join(",")}`],
      env: { ...process.env, HOME: home },
    });
    return new Chromium(browser, home, trust !== undefined);
  }

  /** A page of a profile of its own, which nothing of another's is in. */
  async page({ width, dark = false }: Look): Promise<Page> {
    const context = await this.#browser.newContext({
      viewport: { width, height: 844 },
      colorScheme: dark ? "dark" : "light",
      ignoreHTTPSErrors: !this.#checksCertificates,
    });
    return await context.newPage();
  }

  /**
   * What `body` makes of a page of its own. It runs again in another page when the machine's network interfaces changed meanwhile:
   * Chromium then drops what it is loading, and each pod of the cluster that starts or ends is such a change.
   */
  async visit<T>(look: Look, body: (page: Page) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      const page = await this.page(look);
      const dropped = Promise.withResolvers<never>();
      page.on("requestfailed", (request) => {
        const reason = request.failure()?.errorText ?? "";
        if (reason === "net::ERR_NETWORK_CHANGED") dropped.reject(new Error(reason));
      });
      try {
        return await Promise.race([body(page), dropped.promise]);
      } catch (error) {
        if (tries === 5 || !String(error).includes("ERR_NETWORK_CHANGED")) throw error;
      } finally {
        await page.context().close();
      }
    }
  }

  async close(): Promise<void> {
    await this.#browser.close();
    rmSync(this.#home, { recursive: true, force: true });
  }
}
