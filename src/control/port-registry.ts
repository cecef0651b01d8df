/** Which ports there are: by name for people, by handle for workers. */
import { PORTS_MAX } from '../limits.ts';
import { TswitchError } from './errors.ts';
import type { PortRecord } from './port-record.ts';

export class PortRegistry {
  readonly #byName = new Map<string, PortRecord>();
  readonly #byHandle: (PortRecord | null)[] = Array.from({ length: PORTS_MAX }, () => null);

  /** In the order they were added. */
  all(): PortRecord[] {
    return [...this.#byName.values()];
  }

  /** @throws TswitchError PORT_NOT_FOUND */
  get(name: string): PortRecord {
    const record = this.#byName.get(name);
    if (!record) {
      throw new TswitchError('PORT_NOT_FOUND', `there is no port ${name}: \`tswitch port ls\` shows those there are`);
    }
    return record;
  }

  find(name: string): PortRecord | null {
    return this.#byName.get(name) ?? null;
  }

  at(handle: number): PortRecord | null {
    return this.#byHandle[handle] ?? null;
  }

  /** Whether the port is still there, and not another one in its place. */
  has(record: PortRecord): boolean {
    return this.at(record.handle) === record;
  }

  /** @throws TswitchError LIMIT_REACHED */
  freeHandle(): number {
    const handle = this.#byHandle.indexOf(null);
    if (handle < 0) {
      throw new TswitchError('LIMIT_REACHED', `a switch has at most ${PORTS_MAX} ports: remove one first`);
    }
    return handle;
  }

  /**
   * One netdev, one port: two would send each other's broadcasts out of the same wire.
   *
   * @throws TswitchError PORT_EXISTS, NETDEV_BUSY
   */
  refuseTaken(name: string, netdev: string | null): void {
    if (this.#byName.has(name)) {
      throw new TswitchError('PORT_EXISTS', `there is a port ${name} already: remove it first, or use another name`);
    }
    for (const { attachment } of this.#byName.values()) {
      const { name: other, netdev: used } = attachment.identity;
      if (netdev !== null && used === netdev) {
        throw new TswitchError(
          'NETDEV_BUSY',
          `${netdev} is in use by port ${other}: remove that port first, or attach another netdev`,
        );
      }
    }
  }

  insert(record: PortRecord): void {
    this.#byName.set(record.request.name, record);
    this.#byHandle[record.handle] = record;
  }

  delete(record: PortRecord): void {
    this.#byName.delete(record.request.name);
    this.#byHandle[record.handle] = null;
  }

  clear(): void {
    this.#byName.clear();
    this.#byHandle.fill(null);
  }
}
