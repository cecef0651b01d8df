/** Everything that is recorded of frames: captures and mirror files, and the hub that serves both. */
import type { EventBus } from '../events.ts';
import type { Command } from '../../shared/commands.ts';
import type { Log } from '../log.ts';
import type { PortRecord } from '../port-record.ts';
import { CaptureHub } from './capture-hub.ts';
import { Captures } from './captures.ts';
import { MirrorFiles } from './mirror-files.ts';

export interface CapturingOptions {
  workers: number;
  command: (commandsFor: (worker: number) => Command[]) => Promise<void>;
  events: EventBus;
  ports: () => PortRecord[];
  /** @throws TswitchError PORT_NOT_FOUND */
  checkPort: (name: string) => void;
  /** Milliseconds of the clock that FDB ticks are of. */
  clock: () => number;
  log: Log;
}

export class Capturing {
  readonly captures: Captures;
  readonly mirrorFiles: MirrorFiles;
  readonly #hub: CaptureHub;
  readonly #unsubscribe: () => void;

  constructor({ workers, command, events, ports, checkPort, clock, log }: CapturingOptions) {
    const recorded = (record: PortRecord) => ({ record, handle: record.handle, name: record.request.name });
    this.#hub = new CaptureHub({ workers, command, clock, ports: () => ports().map(recorded) });
    this.captures = new Captures({ hub: this.#hub, checkPort, log });
    this.mirrorFiles = new MirrorFiles(this.#hub, log);
    this.#unsubscribe = events.observe(({ event }) => {
      if (event === 'port.removed') this.#hub.portGone();
    });
  }

  /** Commands that bring a worker that starts now to what the others record. */
  snapshot(worker: number): Command[] {
    return this.#hub.snapshot(worker);
  }

  /** Ports are going to be given to the workers: commands to go with them. */
  portsComing(): (worker: number) => Command[] {
    return this.#hub.portsComing();
  }

  /** While the workers still work: what they have recorded is written. */
  async close(): Promise<void> {
    this.#unsubscribe();
    await this.captures.close();
    await this.mirrorFiles.close();
    await this.#hub.shutDown();
  }
}
