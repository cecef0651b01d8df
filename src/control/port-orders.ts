/** What workers are told of ports, what the FDB forgets of them, and what listeners hear of their states. */
import type { Board } from '../shared/board.ts';
import type { Command } from '../shared/commands.ts';
import { type Fdb, KIND_DYNAMIC } from '../switching/fdb.ts';
import type { EventBus, SwitchEvent } from './events.ts';
import { vlanOf } from './fdb-view.ts';
import type { Mirroring } from './mirroring.ts';
import type { LoopBlock } from './model.ts';
import type { PortRecord } from './port-record.ts';
import { inTurns } from './turns.ts';
import { carriesVlan, portConfig, portState } from './views.ts';
import type { Workers } from './workers.ts';

export interface PortOrdersOptions {
  board: Board;
  workers: Workers;
  events: EventBus;
  /** The table of the moment. */
  fdb: () => Fdb;
  mirroring: Mirroring;
  /** Commands to go with ports that the workers are given, so that they are recorded from their first frame on. */
  recording: () => (worker: number) => Command[];
  /** What loop protection says of a port. */
  safety: (handle: number) => { blocked: LoopBlock | null; protection: SwitchEvent[] };
}

export class PortOrders {
  readonly #options: PortOrdersOptions;

  constructor(options: PortOrdersOptions) {
    this.#options = options;
  }

  /** Gives ports to the workers for the first time; lost ones as ports that are down. */
  async open(records: readonly PortRecord[]): Promise<void> {
    const { board, workers } = this.#options;
    for (const { handle, attachment } of records) {
      for (let worker = 0; worker < workers.count; worker++) {
        board.startRings(worker, handle, attachment.sockets[worker]?.places?.());
      }
    }
    const recording = this.#options.recording();
    const states = records.map(portState);
    await workers.command((worker) => [
      ...records.map((record) => this.#introduce(record, worker)),
      ...recording(worker),
    ]);
    for (const [index, record] of records.entries()) record.inForce = states[index]!;
  }

  /** Brings the workers to the port's settings and state. */
  async configure(record: PortRecord): Promise<void> {
    const command = this.#configureCommand(record);
    const state = portState(record);
    await this.#options.workers.command(() => [command]);
    record.inForce = state;
  }

  /** No worker uses what the port is made of any more. @param isLost they go on knowing it, as a port that is down */
  async close(record: PortRecord, isLost = false): Promise<void> {
    const close: Command = { do: 'close', handle: record.handle };
    const state = portState(record);
    await this.#options.workers.command(() => (isLost ? [close, this.#configureCommand(record)] : [close]));
    record.inForce = state;
  }

  /** Commands that bring ports to a worker that starts now. */
  snapshot(records: readonly PortRecord[], worker: number): Command[] {
    return records.filter(({ isClosing }) => !isClosing).map((record) => this.#introduce(record, worker));
  }

  /** Addresses that the port can no longer reach. */
  async forget(record: PortRecord): Promise<void> {
    const forgetsAll = portState(record) !== 'up' || record.hasGoneDown;
    record.hasGoneDown = false;
    const steps = this.#options
      .fdb()
      .removing(
        (entry) =>
          entry.handle === record.handle &&
          entry.kind === KIND_DYNAMIC &&
          (forgetsAll || !carriesVlan(record.settings, vlanOf(entry))),
      );
    await inTurns(steps);
  }

  /** All addresses of a port that goes, given ones included. */
  async forgetAll({ handle }: PortRecord): Promise<void> {
    const fdb = this.#options.fdb();
    await inTurns(fdb.removing((entry) => entry.handle === handle));
    fdb.setPortLimit(handle, -1);
  }

  /** Tells the table of the moment how much may be learned on the port. */
  limitLearning({ handle, settings }: PortRecord): void {
    this.#options.fdb().setPortLimit(handle, settings.fdbLimit ?? -1);
  }

  /** Raises the events for what changed of the port's state since the last time. */
  tell(record: PortRecord, reason?: string): void {
    // That it is lost is told with the reason, once everything of it is let go.
    if (record.told === null || (record.link.lost && !record.isDetached)) return;
    const { events } = this.#options;
    const state = portState(record);
    const port = record.request.name;
    const data = reason === undefined ? { port } : { port, reason };
    if (record.hasFlapped && state === 'up' && record.told === 'up') events.emit('port.down', { port });
    if (state !== record.told || (record.hasFlapped && state === 'up')) events.emit(`port.${state}`, data);
    record.hasFlapped = false;
    record.told = state;
  }

  /** The first that is told of a port. */
  tellAdded(record: PortRecord): void {
    record.told = portState(record);
    record.hasFlapped = false;
    this.#options.events.emit('port.added', { port: record.request.name, state: record.told });
  }

  /** What workers are told of the port. */
  config(record: PortRecord): ReturnType<typeof portConfig> {
    const { safety, mirroring } = this.#options;
    return portConfig(record, safety(record.handle).blocked !== null, mirroring.wire(record.settings.mirror));
  }

  #introduce(record: PortRecord, worker: number): Command {
    if (record.isDetached) return this.#configureCommand(record);
    const { resources } = record.attachment.sockets[worker]!;
    return { do: 'open', handle: record.handle, resources, config: this.config(record) };
  }

  #configureCommand(record: PortRecord): Command {
    return { do: 'configure', handle: record.handle, config: this.config(record) };
  }
}
