/** A port while it is recorded: what it gives and what it is given is noted on the way. Nothing of this is there otherwise. */
import type { Batch } from '../frame/batch.ts';
import type { GatherList } from '../ports/gather-list.ts';
import type { Port } from '../ports/port.ts';
import type { Journal } from './journal.ts';

export class JournaledPort implements Port {
  readonly handle: number;
  /** The port itself. */
  readonly port: Port;
  readonly #journal: Journal;
  #batch: Batch | null = null;

  constructor(port: Port, journal: Journal) {
    this.handle = port.handle;
    this.port = port;
    this.#journal = journal;
  }

  pending(): boolean {
    return this.port.pending();
  }

  markReadable(): void {
    this.port.markReadable();
  }

  clearError(): boolean {
    return this.port.clearError();
  }

  /** Before anybody moves a tag or looks at a frame. */
  receive(batch: Batch): void {
    this.port.receive(batch);
    this.#batch = batch;
    if (batch.count > 0) this.#journal.received(batch);
  }

  claim(): void {
    this.port.claim();
  }

  /** All has been decided and sent. */
  release(): void {
    if (this.#batch) this.#journal.decided(this.#batch);
    this.port.release();
  }

  transmit(list: GatherList): void {
    this.port.transmit(list);
    this.#journal.sent(this.handle, list);
  }
}
