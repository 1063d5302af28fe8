/** Whether all is well: what is wrong now, what goes through all routes, the checks of targets in use, and each profile with its file, its addresses and its warnings. */

import { printable } from "#base/printable.ts";
import { settingText } from "#control/setting-text.ts";
import type { ProfileStatus, Snapshot } from "#control/api.ts";
import type { App } from "#dashboard/state/app.ts";
import { agoText, countText } from "#dashboard/model/words.ts";
import { Copyable, Empty, ProblemBox } from "#dashboard/ui/parts.tsx";
import { hasFailed } from "#tui/model/rows.ts";
import { Problems } from "./problems.tsx";
import { TrafficCharts } from "./routes/traffic-charts.tsx";

export function HealthView({ app }: { readonly app: App }) {
  const { snapshot } = app.state;
  if (!snapshot) return <Empty title="Reading the status" />;
  return (
    <section class="pane" aria-label="Health">
      <div class="content wide" tabIndex={-1}>
        <Verdict app={app} snapshot={snapshot} />
        <TrafficCharts title="All routes over time" />
        <Checks snapshot={snapshot} />
        {snapshot.profiles.map((profile) => (
          <Profile key={profile.profile} app={app} profile={profile} />
        ))}
        <Hub snapshot={snapshot} />
      </div>
    </section>
  );
}

interface Part {
  readonly app: App;
  readonly snapshot: Snapshot;
}

function Verdict({ app, snapshot: { hub, profiles } }: Part) {
  const failed = profiles.flatMap(({ routes }) => routes.filter(hasFailed));
  const broken = profiles.filter(({ problem }) => problem !== undefined);
  const isWell = failed.length === 0 && broken.length === 0 && hub.problem === undefined;
  const onCopied = (text: string): void => app.notify(`copied ${text}`);
  return (
    <section aria-label="Now">
      <h2 class={isWell ? "green" : "red"}>
        <span aria-hidden="true">{isWell ? "●" : "✗"}</span> {isWell ? "All is well" : problemsText(failed.length, broken.length)}
      </h2>
      {hub.problem && <ProblemBox {...hub.problem} title="The hub" onCopied={onCopied} />}
      <Problems app={app} profiles={profiles} />
    </section>
  );
}

function problemsText(failed: number, broken: number): string {
  const parts = [
    failed === 0 ? "" : `${countText(failed, "route")} failed`,
    broken === 0 ? "" : `${countText(broken, "profile")} cannot be used`,
  ];
  return parts.filter((part) => part !== "").join(", ") || "The hub takes no connections";
}

function Checks({ snapshot: { profiles } }: Pick<Part, "snapshot">) {
  const checked = profiles.flatMap(({ routes }) => routes.filter(({ health }) => health !== undefined));
  return (
    <section aria-label="Checks of targets in use">
      <h3>Checks of targets in use</h3>
      {checked.length === 0 ? (
        <p class="dim">None yet: a target is checked while it is in use.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th>Route</th>
              <th>Target</th>
              <th>Last check</th>
              <th>Result</th>
            </tr>
          </thead>
          <tbody>
            {checked.map(({ name, target, health = { checkedMs: 0, failedInARow: 0 } }) => (
              <tr key={name}>
                <td>{printable(name)}</td>
                <td class="mono">{printable(target)}</td>
                <td>{agoText(Date.now() - health.checkedMs)} ago</td>
                <td class={health.failedInARow === 0 ? "green" : "red"}>
                  {health.failedInARow === 0 ? "● answers" : `✗ ${health.failedInARow} failed in a row`}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Profile({ app, profile }: { readonly app: App; readonly profile: ProfileStatus }) {
  const { name, profile: file, context, pinned, clients, listeners, namespaces = [], problem, warnings, settings = [], routes } = profile;
  const onCopied = (text: string): void => app.notify(`copied ${text}`);
  const stays = pinned ? "stays attached" : `attached by ${countText(clients, "client")}`;
  return (
    <section class="profile" aria-label={`Profile ${printable(name)}`}>
      <h3>
        {printable(name)} <span class="dim">{printable(file)}</span>
      </h3>
      <p class="dim">
        {[...(context === undefined ? [] : [`context ${context}`]), countText(routes.length, "route"), stays].map(printable).join(" · ")}
      </p>
      {problem && <ProblemBox {...problem} title="Its file cannot be used; what was read before runs on" onCopied={onCopied} />}
      {warnings.map((warning) => (
        <p key={warning} class="yellow">
          ! {printable(warning)}
        </p>
      ))}
      {settings.map((setting) => (
        <p key={setting.key} class="dim">
          {printable(settingText(setting))}
        </p>
      ))}
      <ul class="listeners">
        {listeners.map(({ address, open, problem: why, reachableAt = [] }) => (
          <li key={address}>
            <span class={open ? "green" : "red"}>{open ? "● open" : "✗ closed"}</span> <span class="mono">{printable(address)}</span>
            {why && <span class="red"> {printable(why.message)}</span>}
            {reachableAt.length > 0 && <span class="yellow"> other machines reach it at {printable(reachableAt.join(", "))}</span>}
            {why?.hints.map((hint) => (
              <Copyable key={hint} text={hint} onCopied={onCopied} />
            ))}
          </li>
        ))}
        {namespaces.map(({ namespace, services, notes, problem: why }) => (
          <li key={namespace}>
            <span class={why ? "red" : "green"}>{why ? "✗" : "●"} namespace</span> <span class="mono">{printable(namespace)}</span>{" "}
            <span class="dim">{services === undefined ? "not listed" : countText(services, "service")}</span>
            {[...(why ? [why.message] : []), ...notes].map((note) => (
              <span key={note}> {printable(note)}</span>
            ))}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Hub({ snapshot: { hub } }: Pick<Part, "snapshot">) {
  return (
    <section aria-label="The hub">
      <h3>The hub</h3>
      <p class="dim">
        kt {printable(hub.version)} ({printable(hub.commit)}), process {hub.pid}, up for {agoText(Date.now() - hub.startedAtMs)}
      </p>
    </section>
  );
}
