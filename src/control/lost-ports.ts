/** Lost ports: tries again and again to bring each back, and rests while there is none. */
import type { Log } from './log.ts';
import type { PortRecord } from './port-record.ts';

const RETRY_MS = 250;

export interface LostPortsOptions {
  /** Tries once, and calls `remove` if it succeeds. */
  bringBack: (record: PortRecord) => Promise<void>;
  log: Log;
}

interface Loss {
  /** An attempt is waiting for its turn or under way. */
  isTrying: boolean;
  /** Why attempts failed: each reason is logged once. */
  readonly reasons: Set<string>;
}

export class LostPorts {
  readonly #options: LostPortsOptions;
  readonly #losses = new Map<PortRecord, Loss>();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: LostPortsOptions) {
    this.#options = options;
  }

  add(record: PortRecord): void {
    if (!this.#losses.has(record)) this.#losses.set(record, { isTrying: false, reasons: new Set() });
    this.#timer ??= setInterval(() => this.#tryAll(), RETRY_MS).unref();
  }

  remove(record: PortRecord): void {
    this.#losses.delete(record);
    if (this.#losses.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #tryAll(): void {
    for (const [record, loss] of this.#losses) if (!loss.isTrying) void this.#try(record, loss);
  }

  async #try(record: PortRecord, loss: Loss): Promise<void> {
    loss.isTrying = true;
    try {
      await this.#options.bringBack(record);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (!loss.reasons.has(reason)) {
        this.#options.log.warn('port cannot come back yet', { port: record.request.name, reason });
      }
      loss.reasons.add(reason);
    } finally {
      loss.isTrying = false;
    }
  }
}
