/** The generated pages, by the path they are written to. */

import { apiPage } from "./api-page.ts";
import { commandsPage } from "./commands-page.ts";
import { mcpPage } from "./mcp-page.ts";
import { metricsPage } from "./metrics-page.ts";
import { profilePage } from "./profile-page.ts";
import { tuningPage } from "./tuning-page.ts";

export function generatedPages(): ReadonlyMap<string, string> {
  return new Map([
    ["docs/api.md", apiPage()],
    ["docs/commands.md", commandsPage()],
    ["docs/mcp.md", mcpPage()],
    ["docs/metrics.md", metricsPage()],
    ["docs/profile.md", profilePage()],
    ["docs/tuning.md", tuningPage()],
  ]);
}
