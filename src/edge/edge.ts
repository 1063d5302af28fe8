/** A public edge: follows its plan, and puts together its uplinks, its public ports and its status page. */

import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { type EdgeBinding, type EdgeDocument, parseEdgeDocument } from "#expose/host/edge-document.ts";
import type { EdgeStatus } from "#expose/host/edge-status.ts";
import { FollowedFile } from "#native/followed-file.ts";
import { Bindings } from "./bindings.ts";
import type { DoorProblem } from "./doors/doors.ts";
import { edgeLimits } from "./limits.ts";
import { bindingStatus, type ReportOptions, uplinkStatus } from "./status/edge-report.ts";
import { jsonPage, StatusPage, textPage } from "./status/status-page.ts";
import { TcpDoors } from "./tcp/tcp-doors.ts";
import { UdpDoors } from "./udp/udp-doors.ts";
import { UplinkSet } from "./uplinks/uplink-set.ts";

export interface EdgeOptions {
  /** The plan's file; its certificates are in `certs` beside it. */
  readonly plan: string;
  /** The public addresses. */
  readonly hosts: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  /** Of an uplink, in ISO 8601; empty before the first. */
  readonly lastHandshake: (ordinal: number) => string;
}

export class Edge {
  readonly #startedAt: string;
  readonly #log: Log;
  readonly #uplinks: UplinkSet;
  readonly #tcp: TcpDoors;
  readonly #udp: UdpDoors;
  readonly #bindings = new Bindings();
  readonly #page: StatusPage;
  readonly #file: FollowedFile<EdgeDocument>;
  readonly #report: ReportOptions;
  #hash = "";
  /** Of the plan that it follows. */
  #settings: Pick<EdgeDocument, "edgeAddress" | "maxSocketBufferBytes"> = { edgeAddress: "", maxSocketBufferBytes: 0 };
  #isDraining = false;

  constructor({ plan, hosts, clock, log, lastHandshake }: EdgeOptions) {
    this.#startedAt = new Date(clock.wallMs()).toISOString();
    this.#log = log;
    this.#uplinks = new UplinkSet({ clock, log });
    this.#uplinks.listen(() => this.#settle());
    this.#tcp = new TcpDoors({ hosts, uplinks: this.#uplinks, clock, log, onChange: () => {} });
    this.#udp = new UdpDoors({ hosts, uplinks: this.#uplinks, clock, log, settings: () => this.#settings, onChange: () => {} });
    this.#report = { uplinks: this.#uplinks, problemOf: (binding) => this.#problemOf(binding), lastHandshake };
    this.#page = new StatusPage({
      clock,
      log,
      pages: { "/status": () => jsonPage(this.status()), "/healthz": () => textPage("ok\n") },
    });
    this.#file = new FollowedFile({
      path: plan,
      mostBytes: edgeLimits.planBytes,
      parse: parseEdgeDocument,
      onContent: (next) => this.#follow(next),
      clock,
      log,
    });
  }

  status(): EdgeStatus {
    return {
      hash: this.#hash,
      startedAt: this.#startedAt,
      bindings: this.#bindings.all.map((binding) => bindingStatus(binding, this.#report)),
      uplinks: uplinkStatus(this.#report),
    };
  }

  /** Accepts nothing more. Resolves once the last connection is over. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#file.close();
    this.#page.close();
    void this.#udp.drain();
    await this.#tcp.drain();
    // UDP has no end to wait for: a client that goes on sending would keep this process for ever.
    this.#udp.close();
    this.#uplinks.close();
  }

  /** Ends everything now. */
  close(): void {
    this.#isDraining = true;
    this.#file.close();
    this.#page.close();
    this.#tcp.close();
    this.#udp.close();
    this.#uplinks.close();
  }

  #follow({ hash, edgeAddress, maxSocketBufferBytes, uplinks, health, bindings }: EdgeDocument): void {
    if (this.#isDraining) return;
    this.#settings = { edgeAddress, maxSocketBufferBytes };
    this.#log("info", "edge-plan", { hash, bindings: bindings.length, uplinks: uplinks.length });
    this.#hash = hash;
    this.#bindings.want(bindings);
    // Settles what the bindings get, too.
    this.#uplinks.want(uplinks, health);
    this.#page.listen(edgeAddress);
  }

  #settle(): void {
    if (this.#isDraining) return;
    this.#bindings.settle(({ target }) => this.#uplinks.serving(target).length > 0);
    this.#tcp.lead(this.#bindings.current.filter((binding) => binding.protocol === "TCP"));
    this.#udp.lead(this.#bindings.current.filter((binding) => binding.protocol === "UDP"));
  }

  #problemOf({ id, protocol }: EdgeBinding): DoorProblem | undefined {
    return (protocol === "TCP" ? this.#tcp : this.#udp).problemOf(id);
  }
}
