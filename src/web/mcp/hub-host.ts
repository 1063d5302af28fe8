/** The hub itself as the host of MCP's tools: they ask it what its clients ask over the control socket. */

import type { Request } from "#control/api.ts";
import type { HubQuestions, McpHost, WantedForward } from "#mcp/host.ts";
import type { HubFacts } from "#web/facts/hub-facts.ts";
import { askHub, listFromHub } from "#web/rest/hub-session.ts";
import { KtError } from "#base/errors.ts";

export class HubHost implements McpHost {
  readonly #facts: HubFacts;
  readonly version: string;

  constructor(facts: HubFacts) {
    this.#facts = facts;
    this.version = facts.hello.version;
  }

  async withHub<T>(signal: AbortSignal, work: (hub: HubQuestions) => Promise<T>): Promise<T> {
    const { handle, snapshot } = this.#facts;
    return await work({
      snapshot: async () => snapshot(),
      ask: (request: Request, type) => askHub(handle, request, type, signal),
      list: (request: Request, type) => listFromHub(handle, request, type, signal),
    });
  }

  /** It stays until it is detached: a request is over too soon to hold it. */
  async attach(file: string | undefined): Promise<string> {
    if (file?.startsWith("/") !== true) {
      throw new KtError("request-invalid", "the hub is in no folder: give the absolute path of a profile as file");
    }
    const { handle, environment } = this.#facts;
    const own = Object.fromEntries(Object.entries(environment).map(([name, value = ""]) => [name, value]));
    return (await askHub(handle, { type: "attach", file, environment: own, pin: true }, "attached")).profile;
  }

  async detach(profile: string, signal: AbortSignal): Promise<string[]> {
    const { profiles } = await askHub(this.#facts.handle, { type: "detach", profile }, "detached", signal);
    for (const each of profiles) await this.#facts.targetProfiles.remove(each);
    return profiles;
  }

  async forward(wanted: WantedForward): Promise<string> {
    const { targetProfiles } = this.#facts;
    const file = await targetProfiles.write(wanted);
    try {
      return await this.attach(file);
    } catch (error) {
      await targetProfiles.remove(file);
      throw error;
    }
  }

  diagnose(profile: string | undefined) {
    return this.#facts.diagnose(profile);
  }
}
