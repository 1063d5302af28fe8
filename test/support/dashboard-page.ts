/** The dashboard in a browser: signs in, remembers what the page asks for and complains of, and lets axe look at it. */

import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";

const axe = readFileSync(new URL("../../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

export class DashboardPage {
  readonly page: Page;
  /** Errors in the console, and exceptions. */
  readonly problems: string[] = [];
  readonly asked: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.on("console", (message) => void (message.type() === "error" && this.problems.push(message.text())));
    page.on("pageerror", (error) => void this.problems.push(String(error)));
    page.on("request", (request) => void this.asked.push(request.url()));
  }

  /** What was asked of other places than this origin. */
  elsewhere(origin: string): string[] {
    return this.asked.filter((url) => !url.startsWith(`${origin}/`) && !url.startsWith("data:"));
  }

  /** Resolves once the status has come. */
  async live(): Promise<void> {
    await this.page.getByText("● live").waitFor();
  }

  /** What axe objects to, one line each. */
  async violations(): Promise<string[]> {
    await this.page.evaluate(axe);
    return await this.page.evaluate<string[]>(
      `axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ": " + html.slice(0, 200))))`,
    );
  }

  async overflows(width: number): Promise<boolean> {
    return (await this.page.evaluate<number>("document.documentElement.scrollWidth")) > width;
  }
}
