/** What the control plane's callers (API, CLI, tests) say and see, and the face by which they do. */
import type { Finding } from './doctor/finding.ts';
import type { EventBus } from './events.ts';
import type { LogicControl } from './logic/model.ts';
import type { CaptureControl, RecordingControl } from './model/capture.ts';
import type { ExplainRequest, ExplainView } from './model/explain.ts';
import type { FdbEntryView, FdbFilter, FdbPage, FdbRequest, FdbUsage } from './model/fdb.ts';
import type { OwnedPort, PortPatch, PortRequest, PortState, PortView, VlanView } from './model/port.ts';
import type { SwitchPatch, SwitchView } from './model/settings.ts';
import type { DropView, StatsView } from './model/stats.ts';
import type { ApplyOptions, ApplyResult } from './wish/configuration.ts';
import type { Problem } from './wish/problem.ts';
import type { Draft } from './wish/problems.ts';
import type { ConfigView, WishRequest } from './wish/wish.ts';

export * from './model/capture.ts';
export * from './model/explain.ts';
export * from './model/fdb.ts';
export * from './model/port.ts';
export * from './model/settings.ts';
export * from './model/stats.ts';

/** The switch as API and CLI see it. Every method throws TswitchError (control/errors.ts) for what it refuses. */
export interface SwitchControl {
  ports(): PortView[];
  port(name: string): PortView;
  addPort(request: PortRequest): Promise<PortView>;
  patchPort(name: string, patch: PortPatch): Promise<PortView>;
  removePort(name: string): Promise<void>;
  /**
   * Adds a port that is somebody else's wish; whoever adds it removes it.
   *
   * @param options.orLost a port that cannot be attached now is added all the same, and comes back by itself
   */
  addOwnedPort(port: OwnedPort, options?: { orLost?: boolean }): Promise<PortView>;
  /** One that is not there is fine. */
  removeOwnedPort(name: string): Promise<void>;
  /** Null: no owner has such a port. */
  ownedPortState(name: string): PortState | null;
  vlans(): VlanView[];
  /** By VLAN and address. A table of many entries is looked through in slices, so what changes meanwhile may be missing. */
  fdb(filter: FdbFilter, page: { limit: number; cursor?: string }): Promise<FdbPage>;
  fdbUsage(): FdbUsage;
  /** Gives an entry; it replaces a learned or given one of the same address and VLAN. */
  addFdb(request: FdbRequest): Promise<FdbEntryView>;
  removeFdb(vlan: number, mac: string): Promise<void>;
  flushFdb(filter: FdbFilter): Promise<number>;
  settings(): SwitchView;
  patchSettings(patch: SwitchPatch): Promise<SwitchView>;
  /** What is wished at the moment: everything that was asked for. */
  config(): ConfigView;
  /** What is wrong with a document by itself, some of whose parts may be left out. */
  configProblems(draft: Draft): Promise<Problem[]>;
  /** Brings the switch to the document as a whole, or changes nothing. */
  applyConfig(wanted: WishRequest, options?: ApplyOptions): Promise<ApplyResult>;
  /** Keeps what was applied with `confirmWithin`. */
  confirmConfig(options?: Pick<ApplyOptions, 'ifMatch'>): Promise<void>;
  stats(): StatsView;
  drops(): DropView[];
  /** What is wrong with the daemon itself, a sentence each. Ports that are down or lost are not. */
  problems(): string[];
  explain(request: ExplainRequest): Promise<ExplainView>;
  /** Examines the host and every port, or the one named, with frames of its own: what works, what is slow, what is broken. */
  examine(port?: string): Promise<Finding[]>;
  readonly events: EventBus;
  readonly captures: CaptureControl;
  readonly recordings: RecordingControl;
  /** The loaded logics. */
  readonly logic: LogicControl;
  /**
   * Ends the workers and lets go of every port. What tswitch made for the ports it removes, or, if it keeps its state, leaves
   * for its next life.
   */
  close(): Promise<void>;
}
